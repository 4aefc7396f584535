//! The example, the schema, and what there is agree.

use super::*;

/// The example with the settings that are not set turned on.
fn whole_example() -> String {
    let setting = |text: &str| text.trim_start_matches("  ").starts_with(|c: char| c.is_ascii_lowercase());
    let turned_on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if setting(rest) && !rest.starts_with("   ") => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    EXAMPLE.lines().map(turned_on).collect()
}

#[test]
fn the_example_is_sound_and_has_every_setting() {
    assert_eq!(faults(EXAMPLE), "");
    let config = config(&["run"], &[], EXAMPLE);
    assert_eq!(config.hooks.len(), 3);
    assert_eq!(config.certificate(&name("legacy.example.org")).hooks, ["vault", "reload-nginx.sh"]);
    assert_eq!(config.certificate(&name("a.shop.example.org")).key_type, KeyType::P384);

    let all = [
        keys::<Settings>(),
        keys::<Overrides>(),
        keys::<HookTable>(),
        keys::<ExternalAccount>(),
        keys::<Vault>(),
    ];
    assert!(all.iter().all(|keys| !keys.is_empty()));
    for key in all.into_iter().flatten() {
        let line = |line: &str| line.trim_start_matches(['#', ' ', '-']).starts_with(&format!("{key}:"));
        assert!(EXAMPLE.lines().any(line), "the example has no `{key}`");
    }
}

#[test]
fn the_example_is_sound_with_everything_turned_on() {
    assert_eq!(faults(&whole_example()), "");
}

#[test]
fn the_schema_accepts_the_example_and_knows_the_same_keys() {
    let schema: Value = serde_json::from_str(&crate::commands::config::schema()).unwrap();
    for text in [EXAMPLE, &whole_example()] {
        let example: Value = serde_yaml::from_str(text).unwrap();
        accepts(&schema, &schema, &example, "").unwrap();
    }
    let wrong = serde_json::json!({ "hooks": [{ "comand": "x" }] });
    assert!(accepts(&schema, &schema, &wrong, "").is_err());

    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.keys().map(String::as_str).collect::<Vec<_>>(), keys::<Settings>());
    for (key, property) in properties {
        assert!(property["description"].is_string(), "{key} is not described");
    }
}

/// As much of JSON Schema as ours uses.
fn accepts(root: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        accepts(root, root.pointer(&reference[1..]).unwrap(), value, path)?;
    }
    if let Some(all) = schema["allOf"].as_array() {
        all.iter().try_for_each(|one| accepts(root, one, value, path))?;
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let results: Vec<_> = any.iter().map(|one| accepts(root, one, value, path)).collect();
        if results.iter().all(Result::is_err) {
            return Err(format!("{path}: {results:?}"));
        }
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{path}: {value} is none of {words:?}"));
    }
    let kinds = match &schema["type"] {
        Value::Null => vec![],
        Value::String(kind) => vec![kind.as_str()],
        kinds => kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let counts = |known: &str| known == kind || known == "number" && kind == "integer";
    if !kinds.is_empty() && !kinds.iter().any(|known| counts(known)) {
        return Err(format!("{path}: {kind} is none of {kinds:?}"));
    }
    if let Value::Array(items) = value
        && schema["items"].is_object()
    {
        items.iter().try_for_each(|item| accepts(root, &schema["items"], item, path))?;
    }
    if let Value::Object(entries) = value {
        for (key, value) in entries {
            let path = format!("{path}/{key}");
            match (&schema["properties"][key], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => return Err(format!("{path} is unknown")),
                (Value::Null, others @ Value::Object(_)) => accepts(root, others, value, &path)?,
                (Value::Null, _) => {}
                (property, _) => accepts(root, property, value, &path)?,
            }
        }
    }
    Ok(())
}
