//! From tokens to an unchecked tree, by precedence climbing and without going back: `or` binds loosest, then `and`,
//! equality, order, sums, products; `has` and `in` bind tightest.
//!
//! `not` takes a whole comparison, so `not name eq 'x'` means `not (name eq 'x')`: the strict reading, `(not name) eq
//! 'x'`, is an error for every type but Boolean, and for Boolean both readings say the same.

use super::lexer::{Token, TokenKind, tokens};
use super::{Function, Literal, Operator, Quantifier};
use crate::limit::{EXPRESSION_DEPTH, EXPRESSION_NODES};
use crate::query::error::{Problem, QueryError};
use crate::query::source::{Source, shown};

/// A node of the unchecked tree, and where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(super) kind: NodeKind,
    pub(super) position: usize,
}

#[derive(Debug, Clone)]
pub(super) enum NodeKind {
    Literal(Literal),
    Enumeration { type_name: String, members: String },
    Path(Vec<Name>),
    Count(Vec<Name>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    In(Box<Node>, Vec<Node>),
    Call(Function, Vec<Node>),
    Lambda { quantifier: Quantifier, over: Vec<Name>, inside: Option<(String, Box<Node>)> },
}

/// A name in a path.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) position: usize,
}

/// Parses all of a text as one expression.
pub(crate) fn parse(source: Source<'_>) -> Result<Node, QueryError> {
    let tokens = tokens(source)?;
    let mut parser = Parser { tokens: &tokens, source, nodes: 0 };
    let tree = parser.expression(LOOSEST, 0)?;
    match parser.peek() {
        TokenKind::End => Ok(tree),
        _ => Err(parser.unexpected("An operator or the end")),
    }
}

/// Parses all of a text as the keys of an order: each an expression, and whether it descends.
pub(crate) fn parse_keys(source: Source<'_>) -> Result<Vec<(Node, bool)>, QueryError> {
    let tokens = tokens(source)?;
    let mut parser = Parser { tokens: &tokens, source, nodes: 0 };
    let mut keys = Vec::new();
    loop {
        let key = parser.expression(LOOSEST, 0)?;
        keys.push((key, parser.descends()));
        match parser.peek() {
            TokenKind::End => return Ok(keys),
            TokenKind::Comma if keys.len() >= crate::limit::ORDER_KEYS => {
                return Err(source.error_at(parser.position(), Problem::TooManyKeys));
            }
            TokenKind::Comma => parser.advance(),
            _ => return Err(parser.unexpected("'asc', 'desc', ',' or the end")),
        }
    }
}

const LOOSEST: u8 = 1;

/// The precedence of the loosest comparison.
const COMPARISON: u8 = 3;

/// What binds tighter than a sign.
const TIGHTEST: u8 = 7;

#[derive(Clone, Copy)]
enum Infix {
    In,
    Operator(Operator),
}

impl Infix {
    const fn precedence(self) -> u8 {
        match self {
            Self::Operator(Operator::Or) => LOOSEST,
            Self::Operator(Operator::And) => 2,
            Self::Operator(Operator::Equal | Operator::NotEqual) => COMPARISON,
            Self::Operator(Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual) => 4,
            Self::Operator(Operator::Add | Operator::Subtract) => 5,
            Self::Operator(Operator::Multiply | Operator::Divide | Operator::DivideBy | Operator::Modulo) => 6,
            Self::Operator(Operator::Has) | Self::In => TIGHTEST,
        }
    }

    fn named(word: &str) -> Option<Self> {
        Some(Self::Operator(match word.to_ascii_lowercase().as_str() {
            "in" => return Some(Self::In),
            "or" => Operator::Or,
            "and" => Operator::And,
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            "has" => Operator::Has,
            "add" => Operator::Add,
            "sub" => Operator::Subtract,
            "mul" => Operator::Multiply,
            "div" => Operator::Divide,
            "divby" => Operator::DivideBy,
            "mod" => Operator::Modulo,
            _ => return None,
        }))
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    source: Source<'t>,
    nodes: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> &'t TokenKind {
        self.tokens.first().map_or(&TokenKind::End, |token| &token.kind)
    }

    fn peek_second(&self) -> &'t TokenKind {
        self.tokens.get(1).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn position(&self) -> usize {
        self.tokens.first().map_or(1, |token| token.position)
    }

    fn advance(&mut self) {
        // The last token is the end; it stays.
        if let [_, rest @ ..] = self.tokens
            && !rest.is_empty()
        {
            self.tokens = rest;
        }
    }

    fn error(&self, problem: Problem) -> QueryError {
        self.source.error_at(self.position(), problem)
    }

    fn unexpected(&self, expected: &'static str) -> QueryError {
        self.error(Problem::Unexpected { expected, found: self.peek().describe() })
    }

    fn expect(&mut self, kind: &TokenKind, expected: &'static str) -> Result<(), QueryError> {
        if self.peek() != kind {
            return Err(self.unexpected(expected));
        }
        self.advance();
        Ok(())
    }

    fn node(&mut self, kind: NodeKind, position: usize) -> Result<Node, QueryError> {
        self.nodes += 1;
        if self.nodes > EXPRESSION_NODES {
            return Err(self.source.error_at(position, Problem::TooMany));
        }
        Ok(Node { kind, position })
    }

    fn descends(&mut self) -> bool {
        let TokenKind::Word(word) = self.peek() else { return false };
        let descends = word.eq_ignore_ascii_case("desc");
        if descends || word.eq_ignore_ascii_case("asc") {
            self.advance();
        }
        descends
    }

    fn expression(&mut self, least: u8, depth: usize) -> Result<Node, QueryError> {
        let mut left = self.unary(depth)?;
        while let Some(infix) = self.infix().filter(|infix| infix.precedence() >= least) {
            let position = self.position();
            self.advance();
            let kind = match infix {
                Infix::In => NodeKind::In(Box::new(left), self.literals(depth)?),
                // The right side binds tighter than its operator, which makes equal operators group to the left. It is
                // not one level deeper: precedence bounds how often this happens without a parenthesis.
                Infix::Operator(operator) => {
                    let right = self.expression(infix.precedence() + 1, depth)?;
                    NodeKind::Binary(operator, Box::new(left), Box::new(right))
                }
            };
            left = self.node(kind, position)?;
        }
        Ok(left)
    }

    fn infix(&self) -> Option<Infix> {
        match self.peek() {
            TokenKind::Word(word) => Infix::named(word),
            _ => None,
        }
    }

    fn unary(&mut self, depth: usize) -> Result<Node, QueryError> {
        let position = self.position();
        if depth >= EXPRESSION_DEPTH {
            return Err(self.error(Problem::TooDeep));
        }
        match self.peek() {
            TokenKind::Word(word) if word.eq_ignore_ascii_case("not") => {
                self.advance();
                let inner = self.expression(COMPARISON, depth + 1)?;
                self.node(NodeKind::Not(Box::new(inner)), position)
            }
            TokenKind::Minus => {
                self.advance();
                let inner = self.expression(TIGHTEST, depth + 1)?;
                self.node(NodeKind::Negate(Box::new(inner)), position)
            }
            TokenKind::Open => {
                self.advance();
                let inner = self.expression(LOOSEST, depth + 1)?;
                self.expect(&TokenKind::Close, "')'")?;
                Ok(inner)
            }
            TokenKind::Word(word) => self.word(word, position, depth),
            _ => self.literal(position),
        }
    }

    fn literal(&mut self, position: usize) -> Result<Node, QueryError> {
        let kind = match self.peek() {
            TokenKind::Literal(literal) => NodeKind::Literal(literal.clone()),
            TokenKind::Enumeration { type_name, members } => {
                NodeKind::Enumeration { type_name: type_name.clone(), members: members.clone() }
            }
            _ => return Err(self.unexpected("A property, a value or a function")),
        };
        self.advance();
        self.node(kind, position)
    }

    /// What starts with a word: a keyword literal, a call or a path.
    fn word(&mut self, word: &str, position: usize, depth: usize) -> Result<Node, QueryError> {
        match self.peek_second() {
            TokenKind::Open => return self.call(word, position, depth),
            TokenKind::Slash => return self.path(position, depth),
            _ => {}
        }
        let Some(literal) = keyword(word).map_err(|problem| self.error(problem))? else {
            return self.path(position, depth);
        };
        self.advance();
        self.node(NodeKind::Literal(literal), position)
    }

    fn call(&mut self, word: &str, position: usize, depth: usize) -> Result<Node, QueryError> {
        let function = Function::named(word).ok_or_else(|| self.error(Problem::UnknownFunction(shown(word))))?;
        self.advance();
        let arguments = self.arguments(depth)?;
        let (least, most, takes) = function.arity();
        if !(least..=most).contains(&arguments.len()) {
            let problem = Problem::WrongArguments { function: word.to_owned(), takes, found: arguments.len() };
            return Err(self.source.error_at(position, problem));
        }
        self.node(NodeKind::Call(function, arguments), position)
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Node>, QueryError> {
        self.expect(&TokenKind::Open, "'('")?;
        if *self.peek() == TokenKind::Close {
            self.advance();
            return Ok(Vec::new());
        }
        let mut arguments = vec![self.expression(LOOSEST, depth + 1)?];
        while *self.peek() == TokenKind::Comma {
            self.advance();
            arguments.push(self.expression(LOOSEST, depth + 1)?);
        }
        self.expect(&TokenKind::Close, "')' or ','")?;
        Ok(arguments)
    }

    /// The list after `in`: values only, and it may be empty.
    fn literals(&mut self, depth: usize) -> Result<Vec<Node>, QueryError> {
        let start = self.position();
        if !matches!(self.peek(), TokenKind::Open) {
            return Err(match self.peek() {
                TokenKind::Word(_) => self.error(Problem::Unsupported("'in' with anything but a list of values")),
                _ => self.unexpected("'('"),
            });
        }
        let items = self.arguments(depth)?;
        let is_value = |item: &Node| match &item.kind {
            NodeKind::Literal(_) | NodeKind::Enumeration { .. } => true,
            NodeKind::Negate(inner) => matches!(inner.kind, NodeKind::Literal(_)),
            _ => false,
        };
        match items.iter().find(|item| !is_value(item)) {
            Some(_) if items.len() == 1 => {
                Err(self.source.error_at(start, Problem::Unsupported("'in' with anything but a list of values")))
            }
            Some(item) => {
                let found = "an expression".to_owned();
                Err(self.source.error_at(item.position, Problem::Unexpected { expected: "A value", found }))
            }
            None => Ok(items),
        }
    }

    fn path(&mut self, position: usize, depth: usize) -> Result<Node, QueryError> {
        let mut names = Vec::new();
        loop {
            let TokenKind::Word(word) = self.peek() else { return Err(self.unexpected("A property")) };
            if *self.peek_second() == TokenKind::Open {
                return self.lambda(word, names, position, depth);
            }
            let first = names.is_empty();
            let counts = step(word, first).map_err(|problem| self.error(problem))?;
            let name = Name { text: word.clone(), position: self.position() };
            self.advance();
            if counts {
                return self.node(NodeKind::Count(names), position);
            }
            names.push(name);
            if *self.peek() != TokenKind::Slash {
                return self.node(NodeKind::Path(names), position);
            }
            self.advance();
        }
    }

    fn lambda(&mut self, word: &str, over: Vec<Name>, position: usize, depth: usize) -> Result<Node, QueryError> {
        let quantifier = match word.to_ascii_lowercase().as_str() {
            "any" => Quantifier::Any,
            "all" => Quantifier::All,
            _ => return Err(self.error(Problem::Unsupported("A function or a key in a path"))),
        };
        self.advance();
        self.advance();
        let inside = match self.peek() {
            TokenKind::Close if quantifier == Quantifier::Any => None,
            _ => Some(self.inside(depth)?),
        };
        self.expect(&TokenKind::Close, "')'")?;
        self.node(NodeKind::Lambda { quantifier, over, inside }, position)
    }

    fn inside(&mut self, depth: usize) -> Result<(String, Box<Node>), QueryError> {
        let TokenKind::Word(variable) = self.peek() else { return Err(self.unexpected("A variable")) };
        if variable.contains(['.', '$']) {
            return Err(self.unexpected("A variable"));
        }
        self.advance();
        self.expect(&TokenKind::Colon, "':'")?;
        let condition = self.expression(LOOSEST, depth + 1)?;
        Ok((variable.clone(), Box::new(condition)))
    }
}

fn keyword(word: &str) -> Result<Option<Literal>, Problem> {
    Ok(Some(match word {
        "INF" | "NaN" => return Err(Problem::Unsupported("A number that is infinite or none")),
        _ if word.eq_ignore_ascii_case("null") => Literal::Null,
        _ if word.eq_ignore_ascii_case("true") => Literal::Boolean(true),
        _ if word.eq_ignore_ascii_case("false") => Literal::Boolean(false),
        _ => return Ok(None),
    }))
}

/// Checks a name in a path; `true` for `$count`.
fn step(word: &str, first: bool) -> Result<bool, Problem> {
    match word.to_ascii_lowercase().as_str() {
        "$it" | "$this" if first => Ok(false),
        "$count" if !first => Ok(true),
        "$root" => Err(Problem::Unsupported("'$root'")),
        "$filter" => Err(Problem::Unsupported("'$filter' in a path")),
        lower if lower.starts_with('$') => {
            Err(Problem::Unexpected { expected: "A property", found: format!("'{}'", shown(word)) })
        }
        lower if lower.contains('.') => Err(Problem::Unsupported("A type cast")),
        _ => Ok(false),
    }
}
