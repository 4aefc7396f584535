//! lecertvend's command line: its flags, what is wrong with one, its help.

use crate::support::{Test, hydrant};

#[test]
fn the_help_is_the_same_by_either_name_and_a_fault_stands_below_it() {
    let test = Test::new();
    let help = test.lecertvend("-help").code(0).stderr("").stdout;
    let link = test.path("bin/lecertvend").display().to_string();
    assert!(help.starts_with(&format!("Usage:\n  {link} -vend -mount MOUNT ")), "{help}");
    let own = test.hydrant(&["lecertvend", "--help"]).code(0).stderr("").stdout;
    assert_eq!(own.replace(&format!("{} lecertvend", hydrant()), &link), help);
    let help = help.replace(&link, "[DIR]/bin/lecertvend");

    for (line, fault) in [
        ("", "say either -vend or -renew"),
        ("-vend -renew -mount a -prefix b/c.d", "say either -vend or -renew"),
        ("-vend -mount secret -prefix a/b.c -names x", "-secret is missing"),
        ("-renew -mount secret -prefix a -mindays soon", "-mindays: `soon` is no number of days"),
        ("-renew -mount secret -prefix a -force", "there is no flag -force"),
    ] {
        test.lecertvend(line).code(1).stdout("").stderr(&format!("{help}\nERROR: {fault}\n"));
    }
    test.lecertvend("-version").code(0).stdout_contains("hydrant ");
}

#[test]
fn settings_with_a_fault_end_with_1() {
    let test = Test::new().env("HYDRANT_JOBS", "many");
    test.lecertvend("-renew -mount secret -prefix a").code(1).stderr_contains("HYDRANT_JOBS");
}
