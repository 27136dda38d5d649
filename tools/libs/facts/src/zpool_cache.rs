//! `/etc/zfs/zpool.cache`: the pools that are imported at boot.
//!
//! The file is an nvlist in XDR (RFC 4506), big-endian: four bytes of header (encoding 1 is XDR), version and flags,
//! then pairs. A pair is its encoded size, its decoded size, its name (length, bytes, padding to four), its type, the
//! number of its elements and its value. Two zero sizes end the list. At the top the names are those of the pools.

/// Type of a value that is itself a list: `DATA_TYPE_NVLIST`.
const NVLIST: u32 = 19;

/// Names of the pools; of a damaged file, those that can be read.
pub fn pools(bytes: &[u8]) -> Vec<String> {
    let mut pools = Vec::new();
    if bytes.first() != Some(&1) {
        return pools;
    }
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((pair, after)) = pair(rest) {
        if let Some(name) = name(pair) {
            pools.push(name);
        }
        rest = after;
    }
    pools
}

/// The next pair, without its sizes, and the rest.
fn pair(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = usize::try_from(number(bytes, 0)?).ok()?;
    if size < 8 || size > bytes.len() {
        return None;
    }
    let (pair, after) = bytes.split_at(size);
    Some((&pair[8..], after))
}

/// The name of a pair whose value is a list.
fn name(pair: &[u8]) -> Option<String> {
    let length = usize::try_from(number(pair, 0)?).ok()?;
    let text = pair.get(4..4_usize.checked_add(length)?)?;
    let kind = number(pair, 4 + length.checked_next_multiple_of(4)?)?;
    let name = std::str::from_utf8(text).ok()?;
    (kind == NVLIST && !name.is_empty()).then(|| name.to_owned())
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
        let mut body = u32::try_from(name.len()).unwrap().to_be_bytes().to_vec();
        body.extend(name.bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        for number in [kind, 1] {
            body.extend(number.to_be_bytes());
        }
        body.extend(value);
        let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [size.as_slice(), &size, &body].concat()
    }

    fn cache(pairs: &[Vec<u8>]) -> Vec<u8> {
        let header = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        [&header, pairs.concat().as_slice(), &[0; 8]].concat()
    }

    #[test]
    fn pools_are_the_lists_at_the_top() {
        let inner = encoded("version", 8, &5000_u64.to_be_bytes());
        let value = [&[0, 0, 0, 0, 0, 0, 0, 1], inner.as_slice(), &[0; 8]].concat();
        let bytes = cache(&[
            encoded("tank", NVLIST, &value),
            encoded("note", 9, &[0, 0, 0, 0]),
            encoded("backup2", NVLIST, &value),
        ]);
        assert_eq!(pools(&bytes), ["tank", "backup2"]);
        assert_eq!(pools(&cache(&[])), Vec::<String>::new());
        assert_eq!(pools(&[]), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            pools(&tail);
            pools(&cache(std::slice::from_ref(&tail)));
        }

        #[test]
        fn names_are_found(names in proptest::collection::vec("[a-zA-Z][a-zA-Z0-9_.:-]{0,20}", 0..5)) {
            let pairs: Vec<_> = names.iter().map(|name| encoded(name, NVLIST, &[])).collect();
            prop_assert_eq!(pools(&cache(&pairs)), names);
        }
    }
}
