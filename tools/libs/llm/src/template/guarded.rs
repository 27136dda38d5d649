//! The operators, filters and methods of templates, with the memory for their results counted before they are made.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOp, BinOpKind, Const, Expr, Spanned};
use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value, filters};

use super::limits::{MOST_ITEMS, kept, listed, spend, spend_items, spend_value, written};
use super::python;

/// Stands for `+`.
pub(super) const SUM: &str = "__sum";
/// Stands for `~`.
pub(super) const TEXT: &str = "__text";
/// Stands for `*`.
pub(super) const TIMES: &str = "__times";
/// Around every value of `set`.
pub(super) const KEPT: &str = "__kept";

/// What a filter makes of its arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Makes {
    /// Texts as long as the arguments, or a few times as long.
    Text,
    /// A list of the items or characters.
    List,
    /// A list of parts of a text.
    Parts,
    /// Something that exists already, or a number.
    Part,
    /// A text in which a part is replaced by another.
    Replaced,
    /// A text with white space before each line.
    Indented,
    /// A text from a pattern with widths.
    Formatted,
    /// A text of all items with another one between.
    Joined,
    /// As many lists as the argument says.
    Lists,
    /// The sum of all items, each step a new value.
    Sum,
}

/// Replaces the built-in filters and operators.
pub(super) fn install(environment: &mut Environment<'static>) {
    macro_rules! filter {
        ($($name:literal: $makes:ident = $filter:path;)*) => {
            $({
                let inner = Value::from_function($filter);
                environment.add_filter($name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
                    let arguments = arguments.into_values();
                    prepare(Makes::$makes, &arguments)?;
                    let made = inner.call(state, &arguments)?;
                    if Makes::$makes != Makes::Part {
                        spend_value(&made)?;
                    }
                    Ok::<Value, Error>(made)
                });
            })*
        };
    }
    filter! {
        "safe": Text = filters::safe;
        "escape": Text = filters::escape;
        "e": Text = filters::escape;
        "lower": Text = filters::lower;
        "upper": Text = filters::upper;
        "title": Text = filters::title;
        "capitalize": Text = filters::capitalize;
        "trim": Text = filters::trim;
        "string": Text = filters::string;
        "pprint": Text = filters::pprint;
        "replace": Replaced = filters::replace;
        "indent": Indented = filters::indent;
        "format": Formatted = filters::format;
        "join": Joined = filters::join;
        "batch": Lists = filters::batch;
        "slice": Lists = filters::slice;
        "sum": Sum = filters::sum;
        "chain": List = filters::chain;
        "dictsort": List = filters::dictsort;
        "groupby": List = filters::groupby;
        "items": List = filters::items;
        "lines": Parts = filters::lines;
        "list": List = filters::list;
        "map": List = filters::map;
        "reject": List = filters::reject;
        "rejectattr": List = filters::rejectattr;
        "reverse": List = filters::reverse;
        "select": List = filters::select;
        "selectattr": List = filters::selectattr;
        "sort": List = filters::sort;
        "split": Parts = filters::split;
        "unique": List = filters::unique;
        "zip": List = filters::zip;
        "attr": Part = filters::attr;
        "bool": Part = filters::bool;
        "default": Part = filters::default;
        "d": Part = filters::default;
        "first": Part = filters::first;
        "float": Part = filters::float;
        "int": Part = filters::int;
        "last": Part = filters::last;
        "max": Part = filters::max;
        "min": Part = filters::min;
    }
    environment.add_function(SUM, |values: Rest<Value>| sum(&values));
    environment.add_function(TEXT, |values: Rest<Value>| {
        for value in values.iter() {
            spend(written(value)?)?;
        }
        Ok::<String, Error>(values.iter().map(Value::to_string).collect())
    });
    environment.add_function(TIMES, times);
    environment.add_function(KEPT, |values: Rest<Value>| match values.as_slice() {
        [one] => kept(one.clone()),
        several => kept(Value::from(minijinja::value::Tuple::from(several.to_vec()))),
    });
    environment.set_formatter(|out: &mut Output, state: &mut State, value: &Value| {
        spend(written(value)?)?;
        minijinja::escape_formatter(out, state, value)
    });
    // It writes out all variables, and is not part of the environment that templates are written for.
    environment.remove_global("debug");
}

/// The method of a value, with the memory for its result.
pub(super) fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let makes = match name {
        "replace" => Makes::Replaced,
        "join" => Makes::Joined,
        "format" => Makes::Formatted,
        "split" | "splitlines" => Makes::Parts,
        "keys" | "values" | "items" => Makes::List,
        "upper" | "lower" | "title" | "capitalize" | "strip" | "lstrip" | "rstrip" | "removeprefix"
        | "removesuffix" => Makes::Text,
        KEPT => {
            spend_value(value)?;
            return kept(value.clone());
        }
        _ => Makes::Part,
    };
    let mut all = vec![value.clone()];
    all.extend_from_slice(arguments);
    if name == "join" {
        // The text is the one between, and the items are the argument.
        all.swap(0, arguments.len().min(1));
    }
    prepare(makes, &all)?;
    let made = python::method(state, value, name, arguments)?;
    if makes != Makes::Part {
        spend_value(&made)?;
    }
    Ok(made)
}

/// Counts the memory that making a value takes.
fn prepare(makes: Makes, arguments: &[Value]) -> Result<(), Error> {
    let Some(value) = arguments.first() else {
        return Ok(());
    };
    let text = |index: usize| arguments.get(index).map_or(Ok(0), written);
    match makes {
        Makes::Part => Ok(()),
        Makes::Text => spend(written(value)?),
        Makes::List => match value.as_str() {
            Some(text) => spend_items(text.chars().count() as u64),
            None => arguments.iter().try_for_each(|list| spend_items(items(list)?)),
        },
        Makes::Parts => {
            let text = value.as_str().unwrap_or_default();
            let count = match arguments.get(1).and_then(Value::as_str) {
                Some(separator) if !separator.is_empty() => text.matches(separator).count(),
                _ => text.chars().filter(|c| c.is_whitespace()).count(),
            };
            spend(text.len() as u64)?;
            spend_items(count as u64 + 1)
        }
        Makes::Replaced => {
            let (length, from, to) = (text(0)?, text(1)?, text(2)?);
            let count = match (value.as_str(), arguments.get(1).and_then(Value::as_str)) {
                (Some(text), Some("")) => text.len() as u64 + 1,
                (Some(text), Some(part)) => text.matches(part).count() as u64,
                _ => length / from.max(1) + 1,
            };
            spend(length.saturating_add(count.saturating_mul(to)))
        }
        Makes::Indented => {
            let lines = value
                .as_str()
                .map_or(1, |text| text.matches('\n').count() as u64 + 1);
            let width: u64 = arguments[1..].iter().map(numbers).max().unwrap_or(0);
            spend(text(0)?.saturating_add(lines.saturating_mul(width.max(4))))
        }
        Makes::Formatted => {
            let pattern: u64 = digits(value.as_str().unwrap_or_default());
            let mut bytes = text(0)?.saturating_add(pattern);
            for argument in &arguments[1..] {
                bytes = bytes
                    .saturating_add(written(argument)?)
                    .saturating_add(numbers(argument));
            }
            spend(bytes)
        }
        Makes::Joined => {
            let count = if value.as_str().is_some() {
                text(0)?
            } else {
                items(value)?
            };
            spend(text(0)?.saturating_add(count.saturating_mul(text(1)?)))
        }
        Makes::Lists => {
            spend_items(items(value)?)?;
            spend_items(arguments.get(1).map_or(0, numbers))
        }
        Makes::Sum => {
            let count = items(value)?;
            spend_items(count)?;
            let lists = value
                .try_iter()?
                .any(|item| item.as_str().is_some() || item.len().is_some());
            if lists {
                spend(written(value)?.saturating_mul(count))?;
            }
            Ok(())
        }
    }
}

/// The number of items of a list or an iterable; at most a little more than a list may have.
fn items(value: &Value) -> Result<u64, Error> {
    match value.len() {
        Some(length) => Ok(length as u64),
        None if value.kind() == ValueKind::Iterable => {
            let counted = (0..=MOST_ITEMS).zip(value.try_iter()?);
            Ok(counted.count() as u64)
        }
        None => Ok(0),
    }
}

/// A number in an argument, or the largest of the keyword arguments.
fn numbers(argument: &Value) -> u64 {
    if let Some(number) = argument.as_usize() {
        return number as u64;
    }
    if argument.kind() != ValueKind::Map {
        return 0;
    }
    let values = argument.try_iter().into_iter().flatten();
    values
        .filter_map(|key| argument.get_item(&key).ok()?.as_usize())
        .max()
        .unwrap_or(0) as u64
}

/// The sum of all numbers in a pattern, which may be widths.
fn digits(pattern: &str) -> u64 {
    pattern
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .fold(0, |sum: u64, digits| {
            sum.saturating_add(digits.parse().unwrap_or(u64::MAX))
        })
}

fn sum(values: &[Value]) -> Result<Value, Error> {
    let texts: Vec<&str> = values.iter().map_while(Value::as_str).collect();
    if texts.len() == values.len() {
        spend(texts.iter().map(|text| text.len() as u64).sum())?;
        return Ok(Value::from(texts.concat()));
    }
    let mut values = values.iter().cloned();
    let first = values.next().unwrap_or_default();
    values.try_fold(first, add)
}

fn add(left: Value, right: Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        spend((left.len() + right.len()) as u64)?;
        return Ok(Value::from([left, right].concat()));
    }
    let list =
        |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) && !value.is_tuple();
    if list(&left) && list(&right) {
        // Not the iterator over both that the library makes: doubled a few dozen times, it does not end.
        spend_items(items(&left)?.saturating_add(items(&right)?))?;
        return listed(&operator(BinOpKind::Add, "+", left, right)?);
    }
    if left.is_tuple() && right.is_tuple() {
        spend_items(items(&left)?.saturating_add(items(&right)?))?;
    }
    operator(BinOpKind::Add, "+", left, right)
}

fn times(left: Value, right: Value) -> Result<Value, Error> {
    for (value, count) in [(&left, &right), (&right, &left)] {
        let Some(count) = count.as_usize() else { continue };
        if let Some(text) = value.as_str() {
            spend((text.len() as u64).saturating_mul(count as u64))?;
        } else if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
            spend_items(items(value)?.saturating_mul(count as u64))?;
        }
    }
    operator(BinOpKind::Mul, "*", left, right)
}

/// The library's own operator.
fn operator(op: BinOpKind, sign: &str, left: Value, right: Value) -> Result<Value, Error> {
    let kinds = (left.kind(), right.kind());
    let constant = |value| Expr::Const(Spanned::new(Const { value }, Span::default()));
    let operation = BinOp {
        op,
        left: constant(left),
        right: constant(right),
    };
    Expr::BinOp(Spanned::new(operation, Span::default()))
        .as_const()
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOperation,
                format!(
                    "tried to use {sign} operator on unsupported types {} and {}",
                    kinds.0, kinds.1
                ),
            )
        })
}
