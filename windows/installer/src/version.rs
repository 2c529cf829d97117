//! The version that a DLL says it is of: its own, whoever installs it.
//!
//! Microsoft, "PE Format" (the resource section), "VS_VERSIONINFO", "StringFileInfo". A resource is a tree of blocks, each with its length, the
//! length of its value, a name in UTF-16, the value, and the blocks below; all begin on a boundary of four bytes.

use object::LittleEndian as LE;
use object::read::pe::{PeFile64, ResourceNameOrId};
use semver::Version;

/// `RT_VERSION`.
const VERSION: u16 = 16;
/// A version's resource has three levels, and what is read of it is on the fourth.
const DEEPEST: usize = 4;

/// The version in a DLL's resources, if it is one that can be compared.
#[must_use]
pub fn of(dll: &[u8]) -> Option<Version> {
    let resource = resource(dll)?;
    let text = product_version(resource, DEEPEST)?;
    Version::parse(text.trim()).ok()
}

/// The first of the program's version resources; there is one for all languages.
fn resource(dll: &[u8]) -> Option<&[u8]> {
    let file = PeFile64::parse(dll).ok()?;
    let sections = file.section_table();
    let directory = file.data_directories().resource_directory(dll, &sections).ok()??;
    let root = directory.root().ok()?;
    let kind = root.entries.iter().find(|entry| matches!(entry.name_or_id(), ResourceNameOrId::Id(VERSION)))?;
    let names = kind.data(directory).ok()?.table()?;
    let languages = names.entries.first()?.data(directory).ok()?.table()?;
    let entry = languages.entries.first()?.data(directory).ok()?.data()?;
    let (address, size) = (entry.offset_to_data.get(LE), entry.size.get(LE) as usize);
    sections.pe_data_at(dll, address)?.get(..size)
}

/// The text `ProductVersion`, at any depth.
fn product_version(blocks: &[u8], depth: usize) -> Option<String> {
    let mut rest = blocks;
    while depth > 0 && !rest.is_empty() {
        let length = usize::from(number(rest)?);
        let block = rest.get(..length).filter(|block| block.len() >= 6)?;
        let value_length = usize::from(number(block.get(2..)?)?);
        let name = text(block.get(6..)?);
        let value_at = (6 + 2 * (name.encode_utf16().count() + 1)).next_multiple_of(4);
        let value = block.get(value_at..).unwrap_or_default();
        if name == "ProductVersion" {
            return Some(text(value));
        }
        // Of a binary value; of texts, which are at the end, nothing is below.
        let below = value.get(value_length.next_multiple_of(4)..).unwrap_or_default();
        if let Some(found) = product_version(below, depth - 1) {
            return Some(found);
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

fn number(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|two| u16::from_le_bytes(*two))
}

/// Up to its end, or that of what there is.
fn text(bytes: &[u8]) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(name: &str, value: &[u8], below: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0, 0];
        bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(format!("{name}\0").encode_utf16().flat_map(u16::to_le_bytes));
        for part in std::iter::once(value).chain(below.iter().map(Vec::as_slice)) {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(part);
        }
        let length = u16::try_from(bytes.len()).unwrap().to_le_bytes();
        bytes[..2].copy_from_slice(&length);
        bytes
    }

    fn utf16(text: &str) -> Vec<u8> {
        format!("{text}\0").encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn the_products_version_is_found_behind_other_texts() {
        let texts = [block("CompanyName", &utf16("Pando"), &[]), block("ProductVersion", &utf16("1.2.3-rc.4"), &[])];
        let table = block("StringFileInfo", &[], &[block("040904b0", &[], &texts)]);
        let all = block("VS_VERSION_INFO", &[7; 52], &[table]);
        assert_eq!(product_version(&all, DEEPEST).as_deref(), Some("1.2.3-rc.4"));
        assert_eq!(product_version(&all[..all.len() - 30], DEEPEST), None);
        assert_eq!(of(b"a plugin"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_passed_over(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = product_version(&bytes, DEEPEST);
            let _ = of(&[b"MZ", &bytes[..]].concat());
        }
    }
}
