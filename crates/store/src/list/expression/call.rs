//! Functions of values.

use adit_core::query::{Expression, Function, Value};
use sea_query::ExprTrait as _;

use super::{Form, Scope, Term, bad, numeric};
use crate::error::Error;
use crate::list::dialect::{concat, part, shortest_time, whole};
use crate::list::source::Kind;

/// Where the time of the day starts in the text of a moment.
const TIME_IN_INSTANT: i64 = 12;

/// The arguments whose characters the text that a function gives is made of.
pub(super) fn texts_of(function: Function, arguments: &[Expression]) -> &[Expression] {
    match function {
        Function::Concat => arguments,
        Function::Substring | Function::ToLower | Function::ToUpper | Function::Trim => {
            arguments.get(..1).unwrap_or_default()
        }
        _ => &[],
    }
}

/// The value of a function; a text in `form`.
pub(super) fn term(scope: &mut Scope, function: Function, arguments: &[Expression], form: Form) -> Result<Term, Error> {
    match (function, arguments) {
        (Function::Contains | Function::StartsWith | Function::EndsWith | Function::IndexOf, [text, part]) => {
            matched(scope, function, text, part)
        }
        (Function::Concat, [left, right]) => {
            let (left, right) = (texts(scope, left, form)?, texts(scope, right, form)?);
            Ok(Term::new(concat(left.sql, right.sql), Kind::Text, left.optional || right.optional))
        }
        (Function::Substring, [text, start]) => substring(scope, text, start, None, form),
        (Function::Substring, [text, start, length]) => substring(scope, text, start, Some(length), form),
        (Function::Length, [text]) => {
            let text = texts(scope, text, Form::Plain)?;
            Ok(Term::new(scope.dialect().length(text.sql), Kind::Integer, text.optional))
        }
        // Case does not count in any comparison, so it is not changed.
        (Function::ToLower | Function::ToUpper, [text]) => texts(scope, text, form),
        (Function::Trim, [text]) => {
            let text = texts(scope, text, form)?;
            Ok(Term { sql: scope.dialect().trim(text.sql), ..text })
        }
        (Function::Round | Function::Floor | Function::Ceiling, [number]) => rounded(scope, function, number),
        (_, [moment]) => part_of_moment(scope, function, moment),
        _ => Err(bad(format!("{function:?} does not take {} arguments", arguments.len()))),
    }
}

/// Whether, or where, a text is in another.
fn matched(scope: &mut Scope, function: Function, text: &Expression, part: &Expression) -> Result<Term, Error> {
    if let Some(range) = prefix_range(scope, function, text, part)? {
        return Ok(range);
    }
    let form = scope.form_of(&[text, part])?;
    let (text, part) = (texts(scope, text, form)?, texts(scope, part, form)?);
    let (dialect, optional) = (scope.dialect(), text.optional || part.optional);
    let (kind, sql) = match function {
        Function::StartsWith => (Kind::Bool, dialect.position(text.sql, part.sql).eq(whole(1))),
        Function::EndsWith => (Kind::Bool, dialect.ends_with(text.sql, part.sql)),
        Function::Contains => (Kind::Bool, dialect.position(text.sql, part.sql).gt(whole(0))),
        _ => (Kind::Integer, dialect.position(text.sql, part.sql).sub(whole(1))),
    };
    Ok(Term::new(sql, kind, optional))
}

/// The texts with a given start are a range in the order of texts, which an index finds.
fn prefix_range(
    scope: &mut Scope,
    function: Function,
    text: &Expression,
    part: &Expression,
) -> Result<Option<Term>, Error> {
    let (Function::StartsWith, Expression::Field(..), Expression::Value(Value::Text(prefix))) = (function, text, part)
    else {
        return Ok(None);
    };
    let form = scope.form_of(&[text])?;
    let column = texts(scope, text, form)?;
    let prefix = if form == Form::Folded { adit_core::name::fold(prefix) } else { prefix.to_ascii_lowercase() };
    let Some(end) = after_prefix(&prefix) else { return Ok(None) };
    let [first, end] = [prefix, end].map(|text| scope.dialect().literal(&Value::Text(text)));
    let range = column.sql.clone().gte(first).and(column.sql.lt(end));
    Ok(Some(Term::new(range, Kind::Bool, column.optional)))
}

/// The first text after all that start with `prefix`, in the order of code points; `None` if there is none.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut end: Vec<char> = prefix.chars().collect();
    while let Some(last) = end.pop() {
        // There are no characters among the surrogates.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end.into_iter().collect());
        }
    }
    None
}

fn substring(
    scope: &mut Scope,
    text: &Expression,
    start: &Expression,
    length: Option<&Expression>,
    form: Form,
) -> Result<Term, Error> {
    let text = texts(scope, text, form)?;
    let start = number(scope, start)?;
    let length = length.map(|length| number(scope, length)).transpose()?;
    let optional = text.optional || start.optional || length.as_ref().is_some_and(|length| length.optional);
    let length = length.map(|length| length.sql);
    Ok(Term::new(scope.dialect().substring(text.sql, start.sql, length), Kind::Text, optional))
}

fn rounded(scope: &mut Scope, function: Function, of: &Expression) -> Result<Term, Error> {
    let number = number(scope, of)?;
    if number.kind != Kind::Number {
        return Ok(number);
    }
    let dialect = scope.dialect();
    let sql = match function {
        Function::Floor => dialect.floor(number.sql),
        Function::Ceiling => dialect.ceiling(number.sql),
        _ => dialect.round(number.sql),
    };
    Ok(Term { sql, ..number })
}

/// A part of a moment, of a date or of a time of the day; the latter two are text.
fn part_of_moment(scope: &mut Scope, function: Function, moment: &Expression) -> Result<Term, Error> {
    let dialect = scope.dialect();
    let moment = match scope.term(moment, Form::Plain)? {
        nothing @ Term { kind: Kind::Nothing, .. } => Term { sql: dialect.nothing(Kind::Instant), ..nothing },
        moment @ Term { kind: Kind::Instant | Kind::Text, .. } => moment,
        Term { kind, .. } => return Err(bad(format!("{function:?} does not take {kind:?}"))),
    };
    let time = if moment.kind == Kind::Instant { TIME_IN_INSTANT } else { 1 };
    let digits = |start, length| (Kind::Integer, dialect.digits(part(moment.sql.clone(), start, length)));
    let (kind, sql) = match function {
        Function::Year => digits(1, 4),
        Function::Month => digits(6, 2),
        Function::Day => digits(9, 2),
        Function::Hour => digits(time, 2),
        Function::Minute => digits(time + 3, 2),
        Function::Second => digits(time + 6, 2),
        Function::FractionalSeconds => (Kind::Number, dialect.fraction(part(moment.sql.clone(), time + 8, 10))),
        Function::Date => (Kind::Text, part(moment.sql.clone(), 1, 10)),
        Function::Time if moment.kind == Kind::Text => (Kind::Text, moment.sql),
        Function::Time => (Kind::Text, shortest_time(part(moment.sql.clone(), time, 18))),
        _ => return Err(bad(format!("{function:?} takes more arguments"))),
    };
    Ok(Term::new(sql, kind, moment.optional))
}

fn number(scope: &mut Scope, expression: &Expression) -> Result<Term, Error> {
    let term = scope.term(expression, Form::Plain)?;
    numeric(scope.dialect(), term)
}

fn texts(scope: &mut Scope, expression: &Expression, form: Form) -> Result<Term, Error> {
    let term = scope.term(expression, form)?;
    match term.kind {
        Kind::Text => Ok(term),
        Kind::Nothing => Ok(Term { sql: scope.dialect().nothing(Kind::Text), ..term }),
        kind => Err(bad(format!("{kind:?} is no text"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_that_does_not_have_it() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(after_prefix("\u{10ffff}"), None);
        assert_eq!(after_prefix(""), None);
    }
}
