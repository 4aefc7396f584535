use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;

/// What Route 53 does with a batch: all of it, or nothing when one change does not fit what is there.
fn apply(found: Option<TxtSet>, changes: &[Change]) -> Result<Option<TxtSet>, ()> {
    let mut state = found;
    for change in changes {
        state = match (change, state) {
            (Change::Create(set), None) => Some(set.clone()),
            (Change::Delete(set), Some(there)) if *set == there => None,
            _ => return Err(()),
        };
    }
    Ok(state)
}

fn meanings(set: Option<&TxtSet>) -> BTreeSet<Vec<u8>> {
    set.into_iter().flat_map(|set| set.values.iter().map(|value| unquoted(value).unwrap())).collect()
}

fn set() -> impl Strategy<Value = Option<TxtSet>> {
    let values =
        btree_set("[a-d]{1,2}", 1..6).prop_map(|texts| texts.iter().map(|text| quoted(text)).collect());
    proptest::option::of((0_i64..400, values).prop_map(|(ttl, values)| TxtSet { ttl, values }))
}

proptest! {
    #[test]
    fn a_swap_fits_what_was_read_and_touches_no_foreign_value(
        found in set(), ours in btree_set("[a-d]{1,2}", 1..4), add in any::<bool>()
    ) {
        let wish = if add { Wish::Present } else { Wish::Absent };
        let changes = read(found.as_ref(), wish, &ours, 60).unwrap();
        let after = apply(found.clone(), &changes).expect("the batch fits");
        let own: BTreeSet<_> = ours.iter().map(|text| text.clone().into_bytes()).collect();
        let before = meanings(found.as_ref());
        let expected: BTreeSet<_> =
            if add { before.union(&own).cloned().collect() } else { before.difference(&own).cloned().collect() };
        prop_assert_eq!(meanings(after.as_ref()), expected);
        if let (Some(found), Some(after)) = (found, &after) {
            prop_assert_eq!(found.ttl, after.ttl);
        }
        // Done once, there is nothing left to do.
        prop_assert_eq!(read(after.as_ref(), wish, &ours, 60).unwrap(), []);
    }

    #[test]
    fn what_is_not_read_is_changed_only_where_nobody_else_has_a_value(
        found in set(), ours in btree_set("[a-d]{1,2}", 1..4)
    ) {
        let own: BTreeSet<_> = ours.iter().map(|text| text.clone().into_bytes()).collect();
        for wish in [Wish::Present, Wish::Absent] {
            if let Ok(after) = apply(found.clone(), &unread(wish, &ours, 60)) {
                let foreign: BTreeSet<_> = meanings(found.as_ref()).difference(&own).cloned().collect();
                prop_assert!(foreign.is_subset(&meanings(after.as_ref())));
            }
        }
    }

    #[test]
    fn a_quoted_text_is_read_back(text in vec(any::<char>(), 0..700)) {
        let text: String = text.into_iter().collect();
        let value = quoted(&text);
        prop_assert!(value.is_ascii());
        prop_assert_eq!(unquoted(&value).unwrap(), text.into_bytes());
    }
}

#[test]
fn long_texts_are_split_and_odd_ones_escaped() {
    assert_eq!(quoted("abc-_9"), "\"abc-_9\"");
    assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
    assert_eq!(quoted("é"), r#""\303\251""#);
    let long = quoted(&"x".repeat(300));
    assert_eq!(long.split(' ').map(str::len).collect::<Vec<_>>(), [257, 47]);
}

#[test]
fn a_value_is_known_however_it_was_quoted() {
    let found = TxtSet { ttl: 5, values: vec![r#""\141" "bc""#.into(), "\"x\"".into()] };
    let ours = BTreeSet::from(["abc".to_owned()]);
    assert_eq!(read(Some(&found), Wish::Present, &ours, 60).unwrap(), []);
    assert_eq!(
        read(Some(&found), Wish::Absent, &ours, 60).unwrap(),
        [Change::Delete(found), Change::Create(TxtSet { ttl: 5, values: vec!["\"x\"".into()] })]
    );
}

#[test]
fn a_full_set_is_refused_before_route_53_does() {
    let found = TxtSet { ttl: 5, values: (0..400).map(|number| quoted(&number.to_string())).collect() };
    let ours = BTreeSet::from(["abc".to_owned()]);
    assert!(matches!(read(Some(&found), Wish::Present, &ours, 60), Err(Fault::TooManyValues { there: 400 })));
}
