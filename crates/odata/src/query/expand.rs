//! `$expand`: navigations with options of their own in parentheses; first the grammar, then the names against a type.

use super::clause::{Clauses, NestedOption};
use super::error::{Problem, QueryError};
use super::source::{Source, shown, text_of};
use super::{ExpandedPart, Expansion, Query};
use crate::expression::check::entity_name;
use crate::limit::{EXPAND_DEPTH, EXPANDED};
use crate::model::{EntityType, Model, Multiplicity};

/// One item before its names are known to exist.
#[derive(Debug, Clone)]
pub(crate) struct Item<'t> {
    /// The navigation; `*` for all.
    name: String,
    /// A type before it.
    cast: Option<String>,
    what: ExpandedPart,
    options: Clauses<'t>,
    position: usize,
}

/// Parses all of a text as a list of items. `depth` is 1 for the option itself; `total` counts all items of a request.
pub(crate) fn parse<'t>(mut source: Source<'t>, depth: usize, total: &mut usize) -> Result<Vec<Item<'t>>, QueryError> {
    if depth > EXPAND_DEPTH {
        return Err(source.error(Problem::ExpandTooDeep));
    }
    let mut items = Vec::new();
    loop {
        *total += 1;
        if *total > EXPANDED {
            return Err(source.error(Problem::TooManyExpanded));
        }
        source.skip_spaces();
        items.push(item(&mut source, depth, total)?);
        source.skip_spaces();
        if source.is_empty() {
            return Ok(items);
        }
        if !source.eat(',') {
            return Err(source.unexpected("',' or the end"));
        }
    }
}

fn item<'t>(source: &mut Source<'t>, depth: usize, total: &mut usize) -> Result<Item<'t>, QueryError> {
    let position = source.position();
    let (cast, name) = name(source)?;
    let what = part(source)?;
    let mut options = Clauses::default();
    source.skip_spaces();
    if source.peek() == Some('(') {
        if name == "*" {
            return Err(source.error(Problem::Unsupported("An option on '*'")));
        }
        parenthesis(source, what, &mut options, depth, total)?;
    }
    Ok(Item { name, cast, what, options, position })
}

fn name(source: &mut Source<'_>) -> Result<(Option<String>, String), QueryError> {
    let start = *source;
    match source.peek() {
        Some('*') => {
            source.take(1);
            return Ok((None, "*".to_owned()));
        }
        Some('@') => return Err(source.error(Problem::Unsupported("An annotation"))),
        Some('$') => return Err(source.error(Problem::Unsupported("A stream"))),
        _ => {}
    }
    let first = identifier(source)?;
    if !first.contains('.') {
        return Ok((None, first));
    }
    if !source.eat('/') {
        return Err(start.unexpected("A navigation"));
    }
    Ok((Some(first), identifier(source)?))
}

fn identifier(source: &mut Source<'_>) -> Result<String, QueryError> {
    let start = *source;
    let name = text_of(source.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')));
    if name.split('.').any(|part| !part.starts_with(|c: char| c.is_alphabetic() || c == '_')) {
        return Err(start.unexpected("A navigation"));
    }
    Ok(name)
}

fn part(source: &mut Source<'_>) -> Result<ExpandedPart, QueryError> {
    if !source.eat('/') {
        return Ok(ExpandedPart::Entities);
    }
    let start = *source;
    let word = text_of(source.take_while(|c| c.is_alphanumeric() || matches!(c, '$' | '_' | '.' | '*')));
    match word.to_ascii_lowercase().as_str() {
        "$ref" => Ok(ExpandedPart::References),
        "$count" => Ok(ExpandedPart::Count),
        "" => Err(start.unexpected("'$ref' or '$count'")),
        lower if lower.starts_with('$') => Err(start.unexpected("'$ref' or '$count'")),
        _ => Err(start.error(Problem::Unsupported("A path in $expand"))),
    }
}

fn parenthesis<'t>(
    source: &mut Source<'t>,
    what: ExpandedPart,
    options: &mut Clauses<'t>,
    depth: usize,
    total: &mut usize,
) -> Result<(), QueryError> {
    let open = *source;
    source.take(1);
    loop {
        source.skip_spaces();
        let option = option_name(source)?;
        option.allowed_on(what).map_err(|problem| source.error(problem))?;
        let length = value_length(source.rest(), option).ok_or_else(|| open.error(Problem::UnclosedParenthesis))?;
        let value = source.split(length).trimmed_end();
        options.read_nested(option, value, depth, total)?;
        // The value ends at one of these two.
        if source.eat(')') {
            return Ok(());
        }
        source.take(1);
    }
}

fn option_name(source: &mut Source<'_>) -> Result<NestedOption, QueryError> {
    let start = *source;
    if source.peek() == Some('@') {
        return Err(start.error(Problem::Unsupported("A parameter alias")));
    }
    source.eat('$');
    let name = text_of(source.take_while(char::is_alphanumeric));
    let option = NestedOption::named(&name).ok_or_else(|| match name.is_empty() {
        true => start.unexpected("A query option"),
        false => start.error(Problem::Unsupported("This option in $expand")),
    })?;
    if !source.eat('=') {
        return Err(source.unexpected("'='"));
    }
    Ok(option)
}

/// How many characters the value of an option has: up to the `;` or `)` outside of its quotes and parentheses. `None`
/// if there is no such end.
fn value_length(rest: &[char], option: NestedOption) -> Option<usize> {
    let quote = option.quote();
    let mut open = 0_usize;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in rest.iter().enumerate() {
        match *c {
            _ if escaped => escaped = false,
            '\\' if quoted && quote == '"' => escaped = true,
            c if c == quote => quoted = !quoted,
            _ if quoted => {}
            '(' => open += 1,
            ')' | ';' if open == 0 => return Some(at),
            ')' => open -= 1,
            _ => {}
        }
    }
    None
}

/// What the items mean on entities of a type.
pub(crate) fn check(
    items: &[Item<'_>],
    source: Source<'_>,
    on: &'static EntityType,
    model: &'static Model,
) -> Result<Vec<Expansion>, QueryError> {
    let mut expansions: Vec<Expansion> = Vec::new();
    for item in items.iter().filter(|item| item.name != "*") {
        let expansion = expansion(item, source, on, model)?;
        let same =
            |known: &Expansion| std::ptr::eq(known.navigation, expansion.navigation) && known.what == expansion.what;
        if expansions.iter().any(same) {
            return Err(source.error_at(item.position, Problem::Repeated(expansion.navigation.name.to_owned())));
        }
        expansions.push(expansion);
    }
    for item in items.iter().filter(|item| item.name == "*") {
        for navigation in on.all_navigations() {
            let known = expansions.iter().any(|known| std::ptr::eq(known.navigation, navigation));
            if !known && (item.what != ExpandedPart::Count || navigation.multiplicity == Multiplicity::Many) {
                expansions.push(Expansion { navigation, what: item.what, query: Query::default() });
            }
        }
    }
    if expansions.len() > EXPANDED {
        return Err(source.error(Problem::TooManyExpanded));
    }
    Ok(expansions)
}

fn expansion(
    item: &Item<'_>,
    source: Source<'_>,
    on: &'static EntityType,
    model: &'static Model,
) -> Result<Expansion, QueryError> {
    let error = |problem| source.error_at(item.position, problem);
    if let Some(cast) = &item.cast {
        let kind = model.entity_type(cast).ok_or_else(|| error(Problem::UnknownType(shown(cast))))?;
        if !on.is_a(kind) {
            return Err(error(Problem::Unsupported("A type cast in $expand")));
        }
    }
    let Some(navigation) = on.navigation(&item.name) else {
        let (name, on_name) = (shown(&item.name), entity_name(model, on));
        return Err(error(match on.property(&item.name) {
            Some(_) => Problem::NotExpandable { name, on: on_name },
            None => Problem::UnknownProperty { name, on: on_name },
        }));
    };
    if navigation.multiplicity == Multiplicity::One {
        let misplaced = |option| Problem::Misplaced { option, on: "a navigation to one entity" };
        if item.what == ExpandedPart::Count {
            return Err(error(misplaced("$count")));
        }
        if let Some(option) = item.options.of_collections() {
            return Err(error(misplaced(option)));
        }
    }
    let query = item.options.check(navigation.target, model)?;
    Ok(Expansion { navigation, what: item.what, query })
}
