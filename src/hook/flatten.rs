//! JSON as dehydrated's hooks get it: a line for each value, its path before it (contract of `invalid_challenge`).

use std::fmt::Write;

use serde_json::Value;

/// `["error","detail"]<TAB>"no TXT record"`: every value below the root in document order, what holds others after what
/// it holds. No newline at the end.
pub(super) fn flattened(value: &Value) -> String {
    let mut lines = String::new();
    below(value, &mut Vec::new(), &mut lines);
    lines.truncate(lines.trim_end_matches('\n').len());
    lines
}

fn below(value: &Value, path: &mut Vec<String>, lines: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                line(Value::String(name.clone()).to_string(), member, path, lines);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                line(index.to_string(), element, path, lines);
            }
        }
        _ => {}
    }
}

fn line(step: String, value: &Value, path: &mut Vec<String>, lines: &mut String) {
    path.push(step);
    below(value, path, lines);
    // Writing to a String cannot fail.
    let _ = writeln!(lines, "[{}]\t{value}", path.join(","));
    path.pop();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_a_line_with_its_path() {
        let challenge = json!({
            "type": "dns-01",
            "token": "a\"b\\c",
            "validated": null,
            "error": { "detail": "bad", "subproblems": [{ "a": 1 }, "s"] },
            "none": [],
        });
        let expected = [
            r#"["type"]	"dns-01""#,
            r#"["token"]	"a\"b\\c""#,
            r#"["validated"]	null"#,
            r#"["error","detail"]	"bad""#,
            r#"["error","subproblems",0,"a"]	1"#,
            r#"["error","subproblems",0]	{"a":1}"#,
            r#"["error","subproblems",1]	"s""#,
            r#"["error","subproblems"]	[{"a":1},"s"]"#,
            r#"["error"]	{"detail":"bad","subproblems":[{"a":1},"s"]}"#,
            r#"["none"]	[]"#,
        ];
        assert_eq!(flattened(&challenge), expected.join("\n"));
        assert_eq!(flattened(&json!({})), "");
    }
}
