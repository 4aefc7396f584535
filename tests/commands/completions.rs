use crate::support::Test;

#[test]
fn every_shell_gets_completions_and_every_command_a_page() {
    // Also where the configuration is broken.
    let test = Test::new().config("no: such\n");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = test.hydrant(&["completions", shell]).code(0).stderr("").stdout;
        assert!(script.contains("sign-csr") && script.contains("detailed-exitcode"), "{shell}");
    }
    let bash = test.hydrant(&["completions", "bash"]).code(0).stdout;
    test.write("hydrant.bash", bash).program("bash", &["-n", "hydrant.bash"]).code(0).stderr("");

    let test = Test::new().config("no: such\n");
    let page = test.hydrant(&["man"]).code(0).stderr("").stdout;
    assert!(page.contains(".TH hydrant 1") && page.contains("Exit codes"));
    for command in ["run", "sign-csr", "account rollover", "hook test"] {
        let page = test.hydrant(&["man", command]).code(0).stderr("").stdout;
        assert!(page.contains(&format!(".TH hydrant-{} 1", command.replace(' ', "-"))), "{command}");
    }
    test.hydrant(&["man", "rnu"])
        .code(2)
        .stdout("")
        .stderr("error: there is no command `rnu`\nhint: `hydrant --help` lists the commands\n");
}
