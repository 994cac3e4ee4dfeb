//! From tokens to an unchecked tree, by precedence climbing: `or` binds loosest, then `and`, then comparisons.
//!
//! `not` takes a whole comparison, so `not name eq 'x'` means `not (name eq 'x')`: the strict reading, `(not name) eq
//! 'x'`, is an error for every type but Boolean, and for Boolean both readings say the same.

use super::lexer::{Token, TokenKind};
use super::{Comparison, FilterError, Problem};
use crate::limit::{FILTER_DEPTH, FILTER_NODES};

/// A node of the unchecked tree, and where it starts.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) position: usize,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    In(Box<Node>, Vec<Node>),
    Call(String, Vec<Node>),
    Path(Vec<String>),
    Literal(Constant),
}

/// A literal before its type is known to fit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Null,
    Boolean(bool),
    Text(String),
    Number(String),
    Guid(String),
    Date(String),
}

#[derive(Clone, Copy)]
enum Operator {
    Or,
    And,
    In,
    Compare(Comparison),
}

impl Operator {
    const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Compare(Comparison::Equal | Comparison::NotEqual) => COMPARISON,
            Self::Compare(_) | Self::In => 4,
        }
    }
}

/// The precedence of the loosest comparison.
const COMPARISON: u8 = 3;

/// Parses all of `tokens`.
pub(super) fn parse(tokens: &[Token]) -> Result<Node, FilterError> {
    let mut parser = Parser { tokens, nodes: 0 };
    let tree = parser.expression(0, 0)?;
    match parser.peek() {
        TokenKind::End => Ok(tree),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    nodes: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> &'t TokenKind {
        self.tokens.first().map_or(&TokenKind::End, |token| &token.kind)
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

    fn unexpected(&self, expected: &'static str) -> FilterError {
        FilterError::at(self.position(), Problem::Unexpected { expected, found: self.peek().describe() })
    }

    fn node(&mut self, kind: NodeKind, position: usize) -> Result<Node, FilterError> {
        self.nodes += 1;
        if self.nodes > FILTER_NODES {
            return Err(FilterError::at(position, Problem::TooMany));
        }
        Ok(Node { kind, position })
    }

    fn expression(&mut self, least: u8, depth: usize) -> Result<Node, FilterError> {
        let mut left = self.unary(depth)?;
        while let Some(operator) = self.operator().filter(|operator| operator.precedence() >= least) {
            let position = self.position();
            self.advance();
            let kind = match operator {
                Operator::In => NodeKind::In(Box::new(left), self.list(depth)?),
                Operator::Or => NodeKind::Or(Box::new(left), self.right(operator, depth)?),
                Operator::And => NodeKind::And(Box::new(left), self.right(operator, depth)?),
                Operator::Compare(how) => NodeKind::Compare(how, Box::new(left), self.right(operator, depth)?),
            };
            left = self.node(kind, position)?;
        }
        Ok(left)
    }

    /// The right side binds tighter than its operator, which makes equal operators group to the left. It is not one
    /// level deeper: precedence bounds how often this happens without a parenthesis.
    fn right(&mut self, operator: Operator, depth: usize) -> Result<Box<Node>, FilterError> {
        self.expression(operator.precedence() + 1, depth).map(Box::new)
    }

    fn operator(&self) -> Option<Operator> {
        let TokenKind::Word(word) = self.peek() else { return None };
        Some(match word.to_ascii_lowercase().as_str() {
            "or" => Operator::Or,
            "and" => Operator::And,
            "in" => Operator::In,
            "eq" => Operator::Compare(Comparison::Equal),
            "ne" => Operator::Compare(Comparison::NotEqual),
            "gt" => Operator::Compare(Comparison::Greater),
            "ge" => Operator::Compare(Comparison::GreaterOrEqual),
            "lt" => Operator::Compare(Comparison::Less),
            "le" => Operator::Compare(Comparison::LessOrEqual),
            _ => return None,
        })
    }

    fn unary(&mut self, depth: usize) -> Result<Node, FilterError> {
        let position = self.position();
        if depth >= FILTER_DEPTH {
            return Err(FilterError::at(position, Problem::TooDeep));
        }
        match self.peek() {
            TokenKind::Word(word) if word.eq_ignore_ascii_case("not") => {
                self.advance();
                let inner = self.expression(COMPARISON, depth + 1)?;
                self.node(NodeKind::Not(Box::new(inner)), position)
            }
            TokenKind::Open => {
                self.advance();
                let inner = self.expression(0, depth + 1)?;
                self.close()?;
                Ok(inner)
            }
            TokenKind::Word(word) => self.word(word, position, depth),
            _ => self.literal(position),
        }
    }

    fn close(&mut self) -> Result<(), FilterError> {
        if *self.peek() != TokenKind::Close {
            return Err(self.unexpected("')'"));
        }
        self.advance();
        Ok(())
    }

    fn literal(&mut self, position: usize) -> Result<Node, FilterError> {
        let constant = match self.peek() {
            TokenKind::Text(text) => Constant::Text(text.clone()),
            TokenKind::Number(text) => Constant::Number(text.clone()),
            TokenKind::Guid(text) => Constant::Guid(text.clone()),
            TokenKind::Date(text) => Constant::Date(text.clone()),
            _ => return Err(self.unexpected("a property, a value or a function")),
        };
        self.advance();
        self.node(NodeKind::Literal(constant), position)
    }

    /// What starts with a word: a keyword literal, an enumeration literal, a call or a property path.
    fn word(&mut self, word: &str, position: usize, depth: usize) -> Result<Node, FilterError> {
        self.advance();
        let keyword = match word.to_ascii_lowercase().as_str() {
            "null" => Some(Constant::Null),
            "true" => Some(Constant::Boolean(true)),
            "false" => Some(Constant::Boolean(false)),
            _ => None,
        };
        if let Some(constant) = keyword {
            return self.node(NodeKind::Literal(constant), position);
        }
        match self.peek() {
            TokenKind::Open => {
                let arguments = self.list(depth)?;
                self.node(NodeKind::Call(word.to_owned(), arguments), position)
            }
            // `namespace.enumeration'member'`: the type is known from the property, so only the member counts.
            TokenKind::Text(text) if word.contains('.') => {
                let constant = Constant::Text(text.clone());
                self.advance();
                self.node(NodeKind::Literal(constant), position)
            }
            _ => self.path(word, position),
        }
    }

    fn path(&mut self, first: &str, position: usize) -> Result<Node, FilterError> {
        let mut names = vec![first.to_owned()];
        while *self.peek() == TokenKind::Slash {
            self.advance();
            let TokenKind::Word(name) = self.peek() else { return Err(self.unexpected("a property")) };
            if ["any", "all"].iter().any(|lambda| lambda.eq_ignore_ascii_case(name)) {
                return Err(FilterError::at(self.position(), Problem::Unsupported("a lambda ('any', 'all')")));
            }
            names.push(name.clone());
            self.advance();
        }
        self.node(NodeKind::Path(names), position)
    }

    /// A list in parentheses: the arguments of a call, the values of `in`.
    fn list(&mut self, depth: usize) -> Result<Vec<Node>, FilterError> {
        if *self.peek() != TokenKind::Open {
            return Err(self.unexpected("'('"));
        }
        self.advance();
        let mut items = vec![self.expression(0, depth + 1)?];
        while *self.peek() == TokenKind::Comma {
            self.advance();
            items.push(self.expression(0, depth + 1)?);
        }
        self.close()?;
        Ok(items)
    }
}
