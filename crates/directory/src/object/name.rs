//! The text of a relative name, as Active Directory prints it. RFC 4514 2.4, MS-ADTS 3.1.1.3.1.2.1.

/// Appends `CN=value`, escaped, to a name. Bytes that are not UTF-8 are escaped one by one.
pub(crate) fn push_rdn(out: &mut String, attribute: &str, value: &[u8]) {
    out.extend(attribute.chars().map(|letter| letter.to_ascii_uppercase()));
    out.push('=');
    push_value(out, value);
}

fn push_value(out: &mut String, value: &[u8]) {
    if value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'$' | b'@')) {
        // The usual case, and one that cannot fail.
        out.push_str(std::str::from_utf8(value).unwrap_or_default());
        return;
    }
    let last = value.len().saturating_sub(1);
    let mut at = 0;
    for chunk in value.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                ',' | '\\' | '+' | '"' | '<' | '>' | ';' | '=' => out.extend(['\\', letter]),
                '#' if at == 0 => out.push_str("\\#"),
                ' ' if at == 0 || at == last => out.push_str("\\ "),
                '\0'..='\x1f' | '\x7f' => push_hex(out, letter as u8),
                other => out.push(other),
            }
            at += letter.len_utf8();
        }
        for byte in chunk.invalid() {
            push_hex(out, *byte);
            at += 1;
        }
    }
}

fn push_hex(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('\\');
    for digit in [byte >> 4, byte & 15] {
        out.extend(DIGITS.get(usize::from(digit)).map(|digit| char::from(*digit)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rdn(value: &str) -> String {
        let mut out = String::new();
        push_rdn(&mut out, "cn", value.as_bytes());
        out
    }

    #[test]
    fn special_characters_are_escaped_as_active_directory_does() {
        assert_eq!(rdn("alice"), "CN=alice");
        assert_eq!(rdn("Smith, Alice"), "CN=Smith\\, Alice");
        assert_eq!(rdn(" padded "), "CN=\\ padded\\ ");
        assert_eq!(rdn("#1 a=b"), "CN=\\#1 a\\=b");
        assert_eq!(rdn("alice\nDEL:1"), "CN=alice\\0ADEL:1");
        assert_eq!(rdn("Zoë"), "CN=Zoë");
    }
}
