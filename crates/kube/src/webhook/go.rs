//! Texts as Go writes them. Today's webhook is a Go program, and what it writes is compared byte by byte.

use std::fmt::Write;

use serde_json::Value;

/// JSON as `encoding/json` writes a map: compact, keys sorted by bytes, `<`, `>`, `&` and the two line separators escaped.
pub(super) fn json(value: &Value) -> String {
    let mut text = String::new();
    write_json(value, &mut text);
    text
}

fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<_> = members.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write_json(&members[key], out);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(value, out);
            }
            out.push(']');
        }
        Value::String(text) => write_text(text, out),
        other => out.push_str(&other.to_string()),
    }
}

fn write_text(text: &str, out: &mut String) {
    for letter in Value::from(text).to_string().chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
}

/// A text in quotation marks, as `%q` writes it, and no longer than a name can be.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 253;
    let mut out = String::from('"');
    for letter in text.chars().take(LONGEST) {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if u32::from(letter) < 0x20 || letter == '\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            }
            letter if is_invisible(letter) => {
                let number = u32::from(letter);
                let _ = if number > 0xffff { write!(out, "\\U{number:08x}") } else { write!(out, "\\u{number:04x}") };
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// What Go does not print as it is: control and format characters, and spaces other than the usual one.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || (letter.is_whitespace() && letter != ' ')
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(letter, '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_what_go_writes() {
        let value = json!({ "b": ["<password>", 1, true, null], "a": { "Z": "&\u{2028}\"\\\n\u{1}é", "B": "" } });
        let go = r#"{"a":{"B":"","Z":"\u0026\u2028\"\\\n\u0001é"},"b":["\u003cpassword\u003e",1,true,null]}"#;
        assert_eq!(json(&value), go);
    }

    #[test]
    fn what_is_written_is_the_same_value() {
        let value = json!({ "<&>": "\u{2029}", "x": [[], {}] });
        assert_eq!(serde_json::from_str::<Value>(&json(&value)).unwrap(), value);
    }

    #[test]
    fn quotation_is_what_go_writes() {
        let vectors = [
            ("plain-1", r#""plain-1""#),
            ("a\"b\\", r#""a\"b\\""#),
            ("\u{7}\u{8}\u{b}\u{c}\n\r\t\u{0}\u{1f}\u{7f}", r#""\a\b\v\f\n\r\t\x00\x1f\x7f""#),
            ("é\u{202e}\u{a0}", r#""é\u202e\u00a0""#),
        ];
        for (text, expected) in vectors {
            assert_eq!(quoted(text), expected);
        }
        assert_eq!(quoted(&"x".repeat(1000)).len(), 255);
    }
}
