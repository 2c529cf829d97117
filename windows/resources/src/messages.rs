//! A message table, as its resource has it: blocks of consecutive numbers, each with its texts.
//!
//! Microsoft, MESSAGE_RESOURCE_DATA, MESSAGE_RESOURCE_BLOCK, MESSAGE_RESOURCE_ENTRY (winnt.h). All numbers are little-endian.

use crate::Event;

/// The bytes of a table of these events; each is a block of its own.
pub(crate) fn table(events: &[Event]) -> Vec<u8> {
    let mut blocks = number(events.len());
    let mut entries = Vec::new();
    let header = 4 + 12 * events.len();
    for (id, text) in events {
        for part in [*id as usize, *id as usize, header + entries.len()] {
            blocks.extend(number(part));
        }
        entries.extend(entry(text));
    }
    blocks.extend(entries);
    blocks
}

/// Its length, that it is UTF-16, and the text with its end, on a boundary of four bytes.
fn entry(text: &str) -> Vec<u8> {
    let mut units: Vec<u8> = format!("{text}\r\n\0").encode_utf16().flat_map(u16::to_le_bytes).collect();
    units.resize(units.len().next_multiple_of(4), 0);
    let length = u16::try_from(units.len() + 4).unwrap_or(u16::MAX).to_le_bytes();
    [&length[..], &[1, 0], &units].concat()
}

fn number(value: usize) -> Vec<u8> {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_texts_where_its_blocks_say() {
        let table = table(&[(101, "%1"), (301, "no: %1")]);
        let at = |offset: usize| u32::from_le_bytes(table[offset..offset + 4].try_into().unwrap()) as usize;
        assert_eq!((at(0), at(4), at(8), at(16), at(20)), (2, 101, 101, 301, 301));
        for (offset, text) in [(at(12), "%1\r\n"), (at(24), "no: %1\r\n")] {
            let length = usize::from(u16::from_le_bytes([table[offset], table[offset + 1]]));
            assert_eq!(table[offset + 2..offset + 4], [1, 0]);
            let units = table[offset + 4..offset + length].chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
            let read = String::from_utf16(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>()).unwrap();
            assert_eq!(read, text);
        }
        assert_eq!(at(24) + usize::from(u16::from_le_bytes([table[at(24)], table[at(24) + 1]])), table.len());
    }
}
