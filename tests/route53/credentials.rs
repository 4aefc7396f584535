//! Where credentials come from: what the AWS SDK takes from elsewhere than the two variables. Single sign-on cannot be
//! tested here: nothing stands in for its portal.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use super::{hook, rig, role};
use crate::support::{Route53, Test};

const DEPLOY: [&str; 4] = ["deploy_challenge", "a.example.com", "t", "v"];
const DEPLOYED: [&str; 1] = ["_acme-challenge.a.example.com. 60 TXT \"v\""];

/// A place without the two variables.
fn place(route53: &Route53) -> Test {
    Test::new().route53(route53).without_env("AWS_ACCESS_KEY").without_env("AWS_SECRET")
}

#[test]
fn the_token_of_a_gitlab_job_takes_the_role_of_its_project_alone() {
    let rig = rig(&[]);
    let setup = Route53::new(&rig);
    let id = &setup.zones(&["example.com"])[0];
    let arn = role(
        &setup,
        json!({
            "Effect": "Allow",
            "Principal": { "Federated": "arn:aws:iam::000000000000:oidc-provider/gitlab.example.com" },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": {
                "gitlab.example.com:sub": "project_path:group/project:ref_type:branch:ref:main",
            } },
        }),
    );
    let token = |project: &str| {
        let claims = json!({
            "iss": "https://gitlab.example.com",
            "aud": "sts.amazonaws.com",
            "sub": format!("project_path:{project}:ref_type:branch:ref:main"),
        });
        // Nobody here checks who signed it.
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!(
            "{}.{}.{}",
            part(json!({ "alg": "RS256", "typ": "JWT" })),
            part(claims),
            part(json!("signature"))
        )
    };
    let test = place(&setup)
        .env("AWS_ROLE_ARN", &arn)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", "token")
        .env("AWS_ROLE_SESSION_NAME", "job-1");
    let test = test.write("token", token("group/other"));
    hook(&test, &DEPLOY)
        .code(1)
        .stderr_contains("no valid AWS credentials: ")
        .stderr_contains("AccessDenied");
    assert!(setup.records(id).is_empty());
    let test = test.write("token", token("group/project"));
    hook(&test, &DEPLOY).code(0).stderr("");
    assert_eq!(setup.records(id), DEPLOYED);
}

#[test]
fn the_role_of_a_container_is_taken_from_its_endpoint() {
    let rig = rig(&[]);
    let setup = Route53::new(&rig);
    let id = &setup.zones(&["example.com"])[0];
    let arn =
        role(&setup, json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole" }));
    let taken = setup.aws(&json!([["sts", "assume_role", { "RoleArn": arn, "RoleSessionName": "task" }]]));
    let credentials = &taken[0]["Credentials"];
    let document = json!({
        "RoleArn": arn,
        "AccessKeyId": credentials["AccessKeyId"],
        "SecretAccessKey": credentials["SecretAccessKey"],
        "Token": credentials["SessionToken"],
        "Expiration": "2099-01-01T00:00:00Z",
    })
    .to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let lines = BufReader::new(client.try_clone().unwrap()).lines().map(Result::unwrap);
        let request: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{document}",
            document.len()
        )
        .unwrap();
        request
    });
    let test = place(&setup)
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{address}/credentials"))
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of the task");
    hook(&test, &DEPLOY).code(0).stderr("");
    assert_eq!(setup.records(id), DEPLOYED);
    let request = asked.join().unwrap();
    assert_eq!(request[0], "GET /credentials HTTP/1.1");
    let is_token = |line: &String| line.eq_ignore_ascii_case("authorization: of the task");
    assert!(request.iter().any(is_token), "{request:?}");
}

#[test]
fn a_profile_may_name_a_role_and_the_profile_that_takes_it() {
    let rig = rig(&[]);
    let setup = Route53::new(&rig);
    let id = &setup.zones(&["example.com"])[0];
    let arn = role(
        &setup,
        json!({
            "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": "secret-handshake" } },
        }),
    );
    let only_roles = json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" }]);
    let base = Route53::allowed(&rig, "base", &only_roles);
    let (key, secret) = base.key();
    let test = place(&base)
        .env("AWS_CONFIG_FILE", "config")
        .env("AWS_SHARED_CREDENTIALS_FILE", "credentials")
        .write(
            "credentials",
            format!("[base]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"),
        )
        .write(
            "config",
            format!(
                "[profile acme]\nrole_arn = {arn}\nsource_profile = base\nexternal_id = secret-handshake\n"
            ),
        );
    let denied = "no permission for route53:ListHostedZones";
    let test = test.env("AWS_PROFILE", "base");
    hook(&test, &DEPLOY).code(1).stderr_contains(denied);
    let test = test.env("AWS_PROFILE", "acme");
    hook(&test, &DEPLOY).code(0).stderr("");
    assert_eq!(setup.records(id), DEPLOYED);
}
