//! Where tensors lie, and whether their sizes match their type numbers.
//!
//! Tensors follow each other, each padded to the alignment. The distance from one to the next is therefore known without
//! its type, and a type number is accepted if it explains that distance. This tells groups of 128 under type 42 from groups
//! of 64, and detects a fork's format under a number that means something else here.

use std::ops::Range;

use crate::error::Malformed;
use crate::kind::TensorKind;
use crate::tensor::TensorInfo;

/// A row of the tensor table.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) elements: u64,
    pub(crate) type_id: u32,
    pub(crate) offset: u64,
}

/// The space of a tensor in the file.
#[derive(Debug, Clone, Copy)]
struct Room {
    bytes: u64,
    /// Whether the file may end without padding after it.
    last: bool,
    alignment: u64,
}

impl Room {
    fn holds(self, size: u64) -> bool {
        let padded = size.checked_next_multiple_of(self.alignment);
        padded == Some(self.bytes)
            || (self.last && size <= self.bytes && padded.is_some_and(|p| self.bytes < p))
    }
}

/// Which formats of type 42 fit the space of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Of64,
    Of128,
    Either,
    Neither,
}

/// Locates every tensor in the data, which is the range `data` of the file.
pub(crate) fn place(
    entries: Vec<Entry>,
    data: Range<u64>,
    alignment: u64,
) -> Result<Vec<TensorInfo>, Malformed> {
    let rooms = rooms(&entries, data.end - data.start, alignment)?;
    let usual = usual_group(&entries, &rooms);
    let mut tensors = Vec::with_capacity(entries.len());
    for (entry, room) in entries.into_iter().zip(rooms) {
        let kind = kind(&entry, room, usual)?;
        let length = match kind.bytes(entry.elements) {
            Some(length) => length,
            None => room.bytes,
        };
        let start = data.start + entry.offset;
        // Both ends lie in a file whose bytes are a slice.
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        tensors.push(TensorInfo {
            range: place(start)..place(start + length),
            name: entry.name,
            shape: entry.shape,
            kind,
            type_id: entry.type_id,
        });
    }
    Ok(tensors)
}

fn rooms(entries: &[Entry], length: u64, alignment: u64) -> Result<Vec<Room>, Malformed> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&index| entries[index].offset);
    let mut rooms = vec![
        Room {
            bytes: 0,
            last: false,
            alignment
        };
        entries.len()
    ];
    for (position, &index) in order.iter().enumerate() {
        let entry = &entries[index];
        let refuse = |why| Malformed::Offset {
            name: entry.name.clone(),
            offset: entry.offset,
            why,
        };
        if !entry.offset.is_multiple_of(alignment) {
            return Err(refuse("it must be a multiple of the alignment"));
        }
        if position == 0 && entry.offset != 0 {
            return Err(refuse("the first tensor must begin at 0"));
        }
        let next = order.get(position + 1).map(|&next| entries[next].offset);
        let end = next.unwrap_or(length);
        if next == Some(entry.offset) {
            return Err(refuse("another tensor begins there too"));
        }
        let Some(bytes) = end.checked_sub(entry.offset).filter(|&bytes| bytes > 0) else {
            return Err(refuse("that is past the end of the file"));
        };
        rooms[index] = Room {
            bytes,
            last: next.is_none(),
            alignment,
        };
    }
    Ok(rooms)
}

fn kind(entry: &Entry, room: Room, usual: Group) -> Result<TensorKind, Malformed> {
    let id = entry.type_id;
    if id == 42 {
        return match (group(entry, room), usual) {
            (Group::Of64, _) | (Group::Either, Group::Of64 | Group::Neither) => Ok(TensorKind::Q2_0G64),
            (Group::Of128, _) | (Group::Either, Group::Of128) => Ok(TensorKind::Q2_0G128),
            (Group::Either, Group::Either) => Err(Malformed::Group(entry.name.clone())),
            (Group::Neither, _) => Ok(TensorKind::Unknown(id)),
        };
    }
    let kind = TensorKind::of_id(id);
    let Some(packing) = kind.packing() else {
        return Ok(kind);
    };
    let whole = entry
        .shape
        .first()
        .copied()
        .unwrap_or(1)
        .is_multiple_of(packing.numbers);
    match kind.bytes(entry.elements).filter(|_| whole) {
        Some(size) if room.holds(size) => Ok(kind),
        _ if TensorKind::is_disputed(id) => Ok(TensorKind::Unknown(id)),
        Some(needed) => Err(Malformed::Room {
            name: entry.name.clone(),
            kind: kind.to_string(),
            shape: entry.shape.clone(),
            needed,
            room: room.bytes,
        }),
        None => Err(Malformed::Shape {
            name: entry.name.clone(),
            shape: entry.shape.clone(),
            why: if whole {
                "its size in bytes overflows"
            } else {
                "a row is not a whole number of blocks of its type"
            },
        }),
    }
}

fn group(entry: &Entry, room: Room) -> Group {
    let fits = |kind: TensorKind, numbers| {
        let whole = entry.shape.first().is_some_and(|row| row.is_multiple_of(numbers));
        whole && kind.bytes(entry.elements).is_some_and(|size| room.holds(size))
    };
    match (fits(TensorKind::Q2_0G64, 64), fits(TensorKind::Q2_0G128, 128)) {
        (true, false) => Group::Of64,
        (false, true) => Group::Of128,
        (true, true) => Group::Either,
        (false, false) => Group::Neither,
    }
}

/// The group size of the tensors of type 42 that are large enough to tell: one of the two, both (`Either`), or neither.
fn usual_group(entries: &[Entry], rooms: &[Room]) -> Group {
    let mut said = Group::Neither;
    for (entry, &room) in entries.iter().zip(rooms).filter(|(entry, _)| entry.type_id == 42) {
        said = match (group(entry, room), said) {
            (Group::Either | Group::Neither, _) => said,
            (group, Group::Neither) => group,
            (group, _) if group == said => said,
            _ => Group::Either,
        };
    }
    said
}
