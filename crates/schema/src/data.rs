//! Reads the data file. Its form is this crate's own business and `cargo xtask schema`'s.

use crate::{AttrId, Attribute, Class, ClassKind, Schema, Syntax};
use dtyp::Guid;
use std::collections::HashMap;

const DATA: [&str; 2] = [include_str!("../data/ad-schema.tsv"), include_str!("../data/dmsa-schema.tsv")];

/// A line's fields; those that are missing at its end are empty.
struct Fields<'d>(std::str::Split<'d, char>);

impl<'d> Fields<'d> {
    fn text(&mut self) -> &'d str {
        self.0.next().unwrap_or_default()
    }
    fn string(&mut self) -> String {
        self.text().to_owned()
    }
    fn number<N: std::str::FromStr>(&mut self) -> Option<N> {
        self.text().parse().ok()
    }
    fn flags(&mut self) -> u32 {
        // Some are written as negative numbers.
        self.number::<i64>().map_or(0, |n| (n & 0xffff_ffff) as u32)
    }
    fn guid(&mut self) -> Option<Guid> {
        base64(self.text())?.try_into().ok().map(Guid)
    }
    fn words(&mut self) -> Vec<String> {
        self.text().split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

/// Sixteen bytes in base64: all that this file needs of it.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(18);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(six)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits & 0xff) as u8);
        }
    }
    Some(out)
}

pub(crate) fn load() -> Schema {
    let lines = || DATA.into_iter().flat_map(str::lines).map(|line| Fields(line.split('\t')));
    let attributes: Vec<Attribute> = lines().filter_map(attribute).collect();
    let ids: HashMap<String, AttrId> = attributes.iter().map(|a| (a.name.to_ascii_lowercase(), a.id)).collect();
    let mut classes: Vec<Class> = lines().filter_map(|fields| class(fields, &ids)).collect();
    lines().for_each(|fields| extend(fields, &ids, &mut classes));
    let by_name: HashMap<String, usize> =
        classes.iter().enumerate().map(|(i, c)| (c.name.to_ascii_lowercase(), i)).collect();
    let categories: HashMap<String, String> = classes.iter().map(|c| (c.cn.clone(), c.name.clone())).collect();
    let own = classes.clone();
    for class in &mut classes {
        if let Some(name) = categories.get(&class.default_object_category) {
            class.default_object_category.clone_from(name);
        }
        close(class, &own, &by_name);
    }
    Schema::new(attributes, classes)
}

/// Adds what superclasses and auxiliary classes say.
fn close(class: &mut Class, all: &[Class], by_name: &HashMap<String, usize>) {
    let mut seen = Vec::new();
    let mut waiting = vec![(class.name.to_ascii_lowercase(), true)];
    while let Some((name, derives)) = waiting.pop() {
        let Some(place) = by_name.get(&name) else { continue };
        if seen.contains(&(*place, derives)) {
            continue;
        }
        seen.push((*place, derives));
        let Some(from) = all.get(*place) else { continue };
        class.must.extend(&from.own_must);
        class.may.extend(&from.own_may);
        if derives {
            class.poss_superiors.extend(from.own_superiors.iter().cloned());
        }
        waiting.push((from.superclass.to_ascii_lowercase(), derives));
        waiting.extend(from.auxiliary.iter().map(|name| (name.to_ascii_lowercase(), false)));
    }
    for list in [&mut class.must, &mut class.may] {
        list.sort_unstable();
        list.dedup();
    }
    class.poss_superiors.sort_unstable();
    class.poss_superiors.dedup();
}

fn attribute(mut f: Fields<'_>) -> Option<Attribute> {
    if f.text() != "A" {
        return None;
    }
    let (cn, name, oid, id) = (f.string(), f.string(), f.string(), AttrId(f.number()?));
    let (syntax_oid, om_syntax, om_object_class) = (f.string(), f.number().unwrap_or(0), f.text());
    let flags = f.text();
    Some(Attribute {
        syntax: Syntax::of(&syntax_oid, om_syntax, om_object_class),
        id,
        cn,
        name,
        oid,
        syntax_oid,
        om_syntax,
        single_valued: flags.contains('S'),
        system_only: flags.contains('O'),
        in_global_catalog: flags.contains('G'),
        advanced_view_only: flags.contains('V'),
        search_flags: f.flags(),
        system_flags: f.flags(),
        schema_flags: f.flags(),
        link_id: f.number(),
        range_lower: f.number(),
        range_upper: f.number(),
        schema_id_guid: f.guid()?,
        security_guid: f.guid(),
        mapi_id: f.number(),
    })
}

/// What a class of another file may have besides.
fn extend(mut f: Fields<'_>, ids: &HashMap<String, AttrId>, classes: &mut [Class]) {
    if f.text() != "M" {
        return;
    }
    let name = f.text();
    let more = f.words().into_iter().filter_map(|name| ids.get(&name.to_ascii_lowercase()).copied());
    if let Some(class) = classes.iter_mut().find(|class| class.name == name) {
        class.own_may.extend(more);
    }
}

fn class(mut f: Fields<'_>, ids: &HashMap<String, AttrId>) -> Option<Class> {
    if f.text() != "C" {
        return None;
    }
    let (cn, name, oid, governs_id) = (f.string(), f.string(), f.string(), AttrId(f.number()?));
    let category = f.number().unwrap_or(1);
    let superclass = f.string();
    let rdn = f.text().to_ascii_lowercase();
    let flags = f.text();
    let (system_flags, schema_flags) = (f.flags(), f.flags());
    let (default_object_category, schema_id_guid) = (f.string(), f.guid()?);
    let default_security_descriptor = f.string();
    let mut attributes = || f.words().iter().filter_map(|name| ids.get(&name.to_ascii_lowercase()).copied()).collect();
    let (own_must, own_may) = (attributes(), attributes());
    Some(Class {
        kind: match category {
            2 => ClassKind::Abstract,
            3 => ClassKind::Auxiliary,
            _ => ClassKind::Structural,
        },
        rdn_attribute: ids.get(if rdn.is_empty() { "cn" } else { &rdn }).copied()?,
        system_only: flags.contains('O'),
        default_hiding_value: flags.contains('H'),
        advanced_view_only: flags.contains('V'),
        must: Vec::new(),
        may: Vec::new(),
        poss_superiors: Vec::new(),
        own_superiors: f.words(),
        auxiliary: f.words(),
        governs_id,
        cn,
        name,
        oid,
        category,
        superclass,
        system_flags,
        schema_flags,
        default_object_category,
        schema_id_guid,
        default_security_descriptor,
        own_must,
        own_may,
    })
}
