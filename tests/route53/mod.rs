//! The hook for Route 53, before an emulator of AWS and a guard that knows the limits which that one does not.

mod crash;
mod credentials;
mod issuing;
mod listing;
mod race;
mod records;
mod scale;
mod zones;

use serde_json::{Value, json};

use crate::support::{Output, Rig, Route53, Test, route53_hook};

/// A rig with Route 53, and options of its own.
#[track_caller]
fn rig(options: &[&str]) -> Rig {
    Rig::with(&[&["--nonce-reject", "0", "--route53"], options].concat())
}

/// Calls the hook as dehydrated does.
#[track_caller]
fn hook(test: &Test, arguments: &[&str]) -> Output {
    test.program(route53_hook(), arguments)
}

/// Makes a role that may write, trusted as `trust` says; gives its ARN.
#[track_caller]
fn role(setup: &Route53, trust: Value) -> String {
    let document =
        |statement: Value| json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let policy = json!({ "Effect": "Allow", "Action": "route53:*", "Resource": "*" });
    let answers = setup.aws(&json!([
        ["iam", "create_role", { "RoleName": "acme", "AssumeRolePolicyDocument": document(trust) }],
        ["iam", "put_role_policy", { "RoleName": "acme", "PolicyName": "p", "PolicyDocument": document(policy) }],
    ]));
    answers[0]["Role"]["Arn"].as_str().unwrap().to_owned()
}
