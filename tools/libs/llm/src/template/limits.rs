//! How much memory a rendering may take.
//!
//! A template is a program from a file, and a few lines of it can double a string forty times. Everything that makes a value from
//! others is counted before it is made ([`super::guarded`]), also what is thrown away soon, since a template can keep all of it.

use std::cell::Cell;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// Bytes of memory for one value in a list.
const SLOT: u64 = 24;

/// The most values in a list.
pub(super) const MOST_ITEMS: u64 = 250_000;

/// The most lists and maps in a value that a variable keeps: more than the longest conversations have.
const MOST_CONTAINERS: u64 = 200_000;

/// The deepest nesting of a value, which is dropped recursively.
const DEEPEST: usize = 200;

/// Begins the message of the error for templates that take too much.
pub(super) const EXCEEDED: &str = "too much memory: ";

thread_local! {
    /// Bytes that the rendering on this thread may still make.
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// The limit for an input of so many bytes and messages. Templates copy each text a few times, and those that gather the whole prompt
/// in a variable copy it once for each message.
pub(super) fn limit(input: usize, messages: usize) -> u64 {
    const MEBIBYTE: u64 = 1 << 20;
    let copies = 64 + messages as u64;
    (64 * MEBIBYTE)
        .saturating_add(copies.saturating_mul(input as u64))
        .min(512 * MEBIBYTE)
}

/// Renders with at most this many bytes of values and output.
pub(super) fn within<T>(bytes: u64, render: impl FnOnce() -> T) -> T {
    struct Restored(u64);
    impl Drop for Restored {
        fn drop(&mut self) {
            LEFT.set(self.0);
        }
    }
    let _restored = Restored(LEFT.replace(bytes));
    render()
}

/// Counts bytes that are about to be made.
pub(super) fn spend(bytes: u64) -> Result<(), Error> {
    match LEFT.get().checked_sub(bytes) {
        Some(left) => {
            LEFT.set(left);
            Ok(())
        }
        None => Err(exceeded("the texts and lists that it makes do not fit")),
    }
}

/// Checks that something under way, of this many bytes so far, may grow on.
pub(super) fn check(bytes: u64) -> Result<(), Error> {
    if bytes > LEFT.get() {
        return Err(exceeded("the texts and lists that it makes do not fit"));
    }
    Ok(())
}

/// Counts the slots of a list.
pub(super) fn spend_items(items: u64) -> Result<(), Error> {
    if items > MOST_ITEMS {
        return Err(exceeded("a list has more than 250000 items"));
    }
    spend(items * SLOT)
}

/// Counts a value that was made: the text, or the slots of a list or map. What is in them was counted before.
pub(super) fn spend_value(value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => spend(text.len() as u64),
        None => spend_items(value.len().unwrap_or(0) as u64),
    }
}

/// Checks that a value which a variable keeps has a size and depth that can be dropped, and makes a list of items that are not there
/// yet.
pub(super) fn kept(value: Value) -> Result<Value, Error> {
    let value = match value.kind() {
        ValueKind::Iterable => listed(&value)?,
        ValueKind::Seq | ValueKind::Map => {
            spend_items(value.len().unwrap_or(0) as u64)?;
            value
        }
        _ => return Ok(value),
    };
    let mut seen = 0;
    check_depth(&value, 0, &mut seen)?;
    Ok(value)
}

/// The items of a list or an iterable, counted.
pub(super) fn listed(value: &Value) -> Result<Value, Error> {
    let mut items = Vec::new();
    for item in value.try_iter()? {
        spend(SLOT)?;
        items.push(item);
        if items.len() as u64 > MOST_ITEMS {
            return Err(exceeded("a list has more than 250000 items"));
        }
    }
    Ok(Value::from(items))
}

fn check_depth(value: &Value, depth: usize, seen: &mut u64) -> Result<(), Error> {
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Map) {
        return Ok(());
    }
    *seen += 1;
    if depth > DEEPEST || *seen > MOST_CONTAINERS {
        return Err(exceeded("a value is nested too deeply"));
    }
    for item in value.try_iter()? {
        let inner = if value.kind() == ValueKind::Map {
            value.get_item(&item)?
        } else {
            item
        };
        check_depth(&inner, depth + 1, seen)?;
    }
    Ok(())
}

/// At least the bytes of a value written as text, at most a little more than what is left.
pub(super) fn written(value: &Value) -> Result<u64, Error> {
    let mut sum = 0;
    add_written(value, 0, LEFT.get(), &mut sum)?;
    Ok(sum)
}

fn add_written(value: &Value, depth: usize, most: u64, sum: &mut u64) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(exceeded("a value is nested too deeply"));
    }
    *sum += match value.as_str() {
        Some(text) => text.len() as u64,
        None => 2,
    };
    if matches!(
        value.kind(),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable
    ) {
        for item in value.try_iter()? {
            if *sum > most {
                break;
            }
            // Separators and quotes; more than that for small items, so that looking at them is not cheap.
            *sum += 32;
            if value.kind() == ValueKind::Map {
                add_written(&value.get_item(&item)?, depth + 1, most, sum)?;
            }
            add_written(&item, depth + 1, most, sum)?;
        }
    }
    Ok(())
}

fn exceeded(why: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{EXCEEDED}{why}"))
}
