//! The schema in the footer of a Parquet file, before the `parquet` crate reads it. In: the bytes of the file. Out: nothing, or
//! why it is not read: a schema that is nested too deep, or that claims more children than it has elements.
//!
//! The footer is a struct in Thrift's compact protocol. Of its fields only the second is looked at, the list of the schema's
//! elements, and of an element only the fifth, the number of its children:
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

/// Most levels of a schema: a list of structs takes three.
const MAX_DEPTH: usize = 48;

/// Most elements of a schema.
const MAX_ELEMENTS: u64 = 100_000;

/// Fields of the struct of a file and of an element.
const SCHEMA: i64 = 2;
const NUM_CHILDREN: i64 = 5;

/// Types of the protocol.
const STOP: u8 = 0;
const I32: u8 = 5;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Structs in structs that are passed over.
const MAX_SKIPPED_DEPTH: usize = 32;

/// Checks the schema of a file.
///
/// # Errors
/// A reason that goes on after `the file can't be read: `.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(b"PARE") || bytes.ends_with(b"PARE") {
        return Err("it is encrypted".into());
    }
    let (start, magic) = bytes.len().checked_sub(4).map(|at| bytes.split_at(at)).unwrap_or_default();
    let end = start.len().checked_sub(4).ok_or("it is cut off")?;
    if magic != b"PAR1" || end < 4 {
        return Err("its end is missing: it is cut off".into());
    }
    let (rest, length) = start.split_at(end);
    let length = length.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    let at = rest.len().checked_sub(length).ok_or("it is cut off, or its footer is damaged")?;
    check_schema(&mut Cursor { bytes: &rest[at..] }).ok_or("its footer is damaged")?
}

/// `None` where it is no Thrift; the inner error says what of the schema is refused.
fn check_schema(cursor: &mut Cursor<'_>) -> Option<Result<(), String>> {
    let mut id = 0;
    loop {
        let (found, kind) = cursor.field(id)?;
        id = found;
        match (id, kind) {
            (_, STOP) => return Some(Err("its footer has no schema".into())),
            (SCHEMA, LIST) => break,
            _ => cursor.skip(kind, MAX_SKIPPED_DEPTH)?,
        }
    }
    let (size, kind) = cursor.list()?;
    if kind != STRUCT || size > MAX_ELEMENTS {
        return Some(Err("its schema is damaged, or has too many columns".into()));
    }
    // Children that are still to come, of each element that is open.
    let mut open: Vec<u64> = Vec::new();
    for index in 0..size {
        let children = children_of_element(cursor)?;
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        if children > size - index - 1 {
            return Some(Err("its schema is damaged: it claims columns that it does not have".into()));
        }
        if children > 0 {
            open.push(children);
        }
        if open.len() > MAX_DEPTH {
            return Some(Err(format!("its columns are nested in more than {MAX_DEPTH} levels")));
        }
    }
    Some(Ok(()))
}

/// The number of children of the element that begins here.
fn children_of_element(cursor: &mut Cursor<'_>) -> Option<u64> {
    let (mut id, mut children) = (0, 0);
    loop {
        let (found, kind) = cursor.field(id)?;
        id = found;
        match (id, kind) {
            (_, STOP) => return Some(children),
            // Negative ones are damage.
            (NUM_CHILDREN, I32) => children = u64::try_from(cursor.zigzag()?).ok()?,
            _ => cursor.skip(kind, MAX_SKIPPED_DEPTH)?,
        }
    }
}

/// Bytes of the compact protocol; each read is `None` where they end.
struct Cursor<'a> {
    bytes: &'a [u8],
}

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn advance(&mut self, count: u64) -> Option<()> {
        self.bytes = self.bytes.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Id and type of the next field of a struct, after the field `before`.
    fn field(&mut self, before: i64) -> Option<(i64, u8)> {
        let header = self.byte()?;
        let (delta, kind) = (header >> 4, header & 0x0F);
        match (kind, delta) {
            (STOP, _) => Some((before, STOP)),
            (_, 0) => Some((self.zigzag()?, kind)),
            _ => Some((before.checked_add(i64::from(delta))?, kind)),
        }
    }

    /// Length and type of the elements of a list.
    fn list(&mut self) -> Option<(u64, u8)> {
        let header = self.byte()?;
        let size = if header >> 4 == 15 { self.varint()? } else { u64::from(header >> 4) };
        Some((size, header & 0x0F))
    }

    /// Passes over a value of a type.
    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            1 | 2 => Some(()), // a truth is its type
            3 => self.advance(1),
            4..=6 => self.varint().map(drop),
            7 => self.advance(8),
            8 => {
                let length = self.varint()?;
                self.advance(length)
            }
            LIST | 10 => {
                let (size, kind) = self.list()?;
                (0..size).try_for_each(|_| self.skip_element(kind, depth))
            }
            11 => {
                let size = self.varint()?;
                if size == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                (0..size).try_for_each(|_| {
                    self.skip_element(kinds >> 4, depth)?;
                    self.skip_element(kinds & 0x0F, depth)
                })
            }
            STRUCT => {
                let mut id = 0;
                loop {
                    let (found, kind) = self.field(id)?;
                    id = found;
                    if kind == STOP {
                        return Some(());
                    }
                    self.skip(kind, depth)?;
                }
            }
            _ => None,
        }
    }

    /// An element of a list takes a byte at least, also where it is a truth.
    fn skip_element(&mut self, kind: u8, depth: usize) -> Option<()> {
        if matches!(kind, 1 | 2) { self.advance(1) } else { self.skip(kind, depth) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a schema of elements with so many children each, and nothing else.
    fn file(children: &[u8]) -> Vec<u8> {
        // Field 1, an i32; field 2, a list of structs.
        let mut footer = vec![0x15, 0x02, 0x19, 0xFC, children.len() as u8];
        for count in children {
            footer.extend([0x48, 1, b'a']); // field 4, a name
            footer.extend([0x15, count * 2]); // field 5
            footer.push(0);
        }
        footer.push(0);
        let length = (footer.len() as u32).to_le_bytes();
        [b"PAR1".as_slice(), &footer, &length, b"PAR1"].concat()
    }

    #[test]
    fn schemas_as_they_are_written_pass() {
        check(&file(&[2, 0, 1, 0])).expect("a struct of one column and another");
        check(&file(&[1, 1, 1, 0])).expect("a list");
        check(&file(&[0])).expect("no columns");
    }

    #[test]
    fn schemas_that_would_take_stack_or_memory_are_refused() {
        let refused = |children: &[u8]| check(&file(children)).expect_err("refused");
        assert!(refused(&[1; 10]).contains("claims"), "the last one claims a child");
        let mut deep = vec![1; 100];
        deep.push(0);
        assert!(refused(&deep).contains("levels"), "{}", refused(&deep));
        assert!(refused(&[50, 0]).contains("claims"), "{}", refused(&[50, 0]));
    }

    #[test]
    fn what_is_cut_off_says_so() {
        let whole = file(&[2, 0, 1, 0]);
        for length in 0..whole.len() {
            assert!(check(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
