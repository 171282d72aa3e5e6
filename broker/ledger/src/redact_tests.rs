//! What must be redacted, and what must be spared: tables to read.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The shape of a token, put together here so that no scanner takes this file for a leak.
fn token(prefix: &str, length: usize) -> String {
    let tail: String = "a1B2c3D4e5F6g7H8i9J0".chars().cycle().take(length).collect();
    format!("{prefix}{tail}")
}

fn redactor() -> Redactor {
    Redactor::new().keyed([7; 32]).with_values([
        ("DB_PASS".to_owned(), "correct horse battery".to_owned()),
        ("SHORT".to_owned(), "abc".to_owned()),
    ])
}

#[test]
fn secrets_in_text_are_redacted() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl";
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----";
    let aws = "AKIAIOSFODNN7EXAMPL3";
    for (kind, secret, text) in [
        ("github", &*token("ghp_", 36), "push with @ now"),
        ("github", &token("gho_", 36), "@"),
        ("github", &token("github_pat_", 40), "x=@;"),
        ("aws", aws, "id @."),
        ("anthropic", &token("sk-ant-api03-", 40), "key:@"),
        ("openai", &token("sk-", 40), "'@'"),
        ("slack", &token("xoxb-", 30), "@"),
        ("gitlab", &token("glpat-", 20), "@ end"),
        ("npm", &token("npm_", 36), "//registry/:_auth @"),
        ("pypi", &token("pypi-", 60), "@"),
        ("jwt", jwt, "got @, fine"),
        ("private-key", pem, "a @ b"),
        ("slack", "T00/B00/xyz", "curl https://hooks.slack.com/services/@ -d x"),
        ("url", "hunter2", "https://me:@@example.org/x"),
        ("url", "p@ss", "postgres://me:@@db:5432/x"),
        ("header", "dXNlcjpwYXNz", "curl -H 'Authorization: Basic @' x"),
        ("header", "abcdef", "authorization: @"),
        ("header", "tok-1", "PRIVATE-TOKEN: @"),
        ("bearer", "abc12345", "Bearer @"),
        ("argument", "hunter2", "login --password @ --user me"),
        ("argument", "hunter2", "login --token=@ x"),
        ("argument", "hunter2", "API_TOKEN=@ cmd"),
        ("argument", "a b c", "PASSWORD='@' cmd"),
        ("argument", "hunter2", "curl 'http://h/p?access_token=@&x=1'"),
        ("argument", "hunter2", "mysql -u root -p@ db"),
        ("argument", "hunter2", "sshpass -p @ ssh h"),
        ("argument", "hunter2", "docker login -u me -p @"),
        ("argument", "hunter2", "curl -u me:@ http://h"),
        ("argument", "hunter2secret", "PGPASSWORD=@ psql"),
        ("argument", "hunter2secret", "MYSQL_PWD=@ mysql"),
        ("argument", "hunter2secret", "x clientSecret=@"),
        ("argument", "hunter2secret", "java -Dpassword=@ -jar a.jar"),
        ("argument", "hunter2secret", "java -Djavax.net.ssl.keyStorePassword=@ Main"),
        ("argument", "hunter2secret", "helm --set db.password=@"),
        ("argument", "hunter2secret", "curl -d {\"password\":\"@\"} http://h"),
        ("argument", "a 'b' c", "{\"user\": \"me\", \"password\": \"@\", \"x\": 1}"),
        ("argument", "hunter2secret", "{\\\"token\\\": \\\"@\\\"}"),
        ("argument", "a\\\"b", "{\"password\": \"@\"}"),
        ("argument", "hunter2secret", "password: @"),
        ("argument", "hunter2secret", "  db_password:  @ # yaml"),
        ("argument", "correcthorsebattery", "password: @"),
        ("argument", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = @"),
        ("argument", "hunter2secret", "openssl rsa -passin pass:@ -in k"),
        ("argument", "hunter2secret", "machine x login y password @"),
        ("argument", "$ecret!23", "login --password @"),
        ("argument", "x%2By%3D", "curl https://b.blob.example/x?sv=1&X-Amz-Signature=@&y=1"),
        ("argument", "hunter2", "mongosh -u me -p @"),
        ("argument", "hunter2", "http -a me:@ example.org"),
        ("slack", &token("xoxe-", 30), "@"),
        ("google", &token("ya29.", 60), "@"),
        ("sendgrid", &format!("{}.{}", token("SG.", 22), token("", 43)), "@"),
        ("vault", &token("hvs.", 30), "@"),
        ("stripe", &token("sk_test_", 24), "@"),
        ("DB_PASS", "correct horse battery", "say @!"),
    ] {
        let dirty = text.replacen('@', secret, 1);
        let clean = redactor().text(&dirty).into_owned();
        assert!(!clean.contains(secret), "{dirty} → {clean}");
        let mark = format!("[redacted:{kind}:{}]", redactor().tag(secret.as_bytes()));
        assert_eq!(clean, text.replacen('@', &mark, 1), "{dirty}");
        assert_eq!(redactor().text(&clean), clean, "what is redacted stays as it is");
    }
}

#[test]
fn innocent_text_is_spared() {
    for text in [
        "",
        "cargo build --release",
        "mkdir -p a/b",
        "ssh -p 2222 host",
        "docker run -p 8080:80 image",
        "git push https://github.com/a/b.git",
        "ssh://git@github.com/a/b",
        "https://user@example.org/",
        "docker login --password-stdin",
        "gh auth login --with-token",
        "login --token-file /run/secret",
        "login --password \"$PASSWORD\"",
        "login --token=$TOKEN",
        "API_TOKEN=${TOKEN} cmd",
        "--no-token=true --auth=none",
        "PWD=/home/me OLDPWD=/tmp AUTH=basic cmd",
        "tokenizer=fast max_tokens=12",
        "the Bearer authentication scheme",
        "ghp_short AKIASHORT sk-learn-contrib-something-longer npm_config_registry",
        "task-a1B2c3D4e5F6g7H8i9J0a1B2c3D4 disk-a1B2c3D4e5F6g7H8i9J0",
        "eyJhbGciOiJIUzI1NiJ9 alone",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "curl -u me http://h",
        "redis-server -a",
        "abc is short",
        "it's a token isn't it",
        "error: unexpected token: expected one of",
        "token: &str, password: String",
        "secret::Kind token::Ident(1234)",
        "tests pass: 512, auth: none, pwd: /home/me/src/2",
        "password: $PASSWORD, token: ${{ secrets.TOKEN }}",
        "{\"password\": \"\", \"token\": null, \"secret\": true}",
        "tokens: 123456 max_tokens = 4096",
        "git log --pretty=format:%h --author=me",
        "--pass:5 bypass=1234 compass: 12345",
        "please login with your password now",
        "let token = lexer.next();",
        "zip -r x.zip a && unzip -l x.zip",
        "5d41402abc4b2a76b9719d911017c592ae2f1b6d0c9f8e7d6c5b4a3928170605",
    ] {
        assert_eq!(redactor().text(text), text);
    }
}

#[test]
fn argument_vectors_are_read_word_by_word() {
    for (argv, clean) in [
        (json!(["x", "--password", "two words"]), json!(["x", "--password", "@two words"])),
        (json!(["x", "--password=two words"]), json!(["x", "--password=@two words"])),
        (json!(["env", "DB_PASSWORD=two words", "x"]), json!(["env", "DB_PASSWORD=@two words", "x"])),
        (json!(["bash", "-c", "TOKEN=abc make all"]), json!(["bash", "-c", "TOKEN=@abc make all"])),
        (json!(["mysql", "-phunter2"]), json!(["mysql", "-p@hunter2"])),
        (json!(["/usr/bin/mysql", "-p", "db"]), json!(["/usr/bin/mysql", "-p", "db"])),
        (json!(["env", "PGPASSWORD=two words", "x"]), json!(["env", "PGPASSWORD=@two words", "x"])),
        (json!(["x", "-passin", "pass:two words"]), json!(["x", "-passin", "pass:@two words"])),
        (
            json!(["x", "machine", "m", "login", "l", "password", "p"]),
            json!(["x", "machine", "m", "login", "l", "password", "@p"]),
        ),
        (json!(["mkdir", "-p", "dir"]), json!(["mkdir", "-p", "dir"])),
        (json!(["x", "--token", "--verbose"]), json!(["x", "--token", "--verbose"])),
        (json!(["x", "--password", ""]), json!(["x", "--password", ""])),
    ] {
        let mut record = json!({ "argv": argv });
        redactor().value(&mut record);
        let mut want = clean;
        for word in want.as_array_mut().unwrap() {
            if let Some((before, secret)) = word.as_str().unwrap().split_once('@') {
                let (secret, after) = secret.split_once(" make").map_or((secret, ""), |(s, _)| (s, " make all"));
                let tag = redactor().tag(secret.as_bytes());
                *word = json!(format!("{before}[redacted:argument:{tag}]{after}"));
            }
        }
        assert_eq!(record["argv"], want);
    }
}

#[test]
fn raw_bytes_and_paths_keep_their_form() {
    let bytes = [b"\xff --token=".as_slice(), b"hunter2"].concat();
    let innocent = json!({"base64": STANDARD.encode(b"\xff\xfe")});
    let mut record = json!({
        "given": {"base64": STANDARD.encode(bytes)},
        "name": innocent,
        "cwd": "/srv/correct horse battery/x",
        "workspace": "/correct horse battery",
        "run": "correct horse battery",
    });
    let all = Redactor::new()
        .with_values([("P".into(), "/correct horse battery".into()), ("Q".into(), "correct horse battery".into())]);
    all.value(&mut record);
    assert!(record["given"].as_str().unwrap().starts_with("\u{fffd} --token=[redacted:argument:"));
    assert_eq!(record["name"], innocent);
    assert!(record["cwd"].as_str().unwrap().starts_with("/srv[redacted:P:"));
    assert!(record["workspace"].as_str().unwrap().starts_with("/[redacted:P:"));
    assert_eq!(record["run"], "correct horse battery", "our own words are not text of a program");
}

#[test]
fn tags_are_equal_for_equal_secrets_under_one_key_only() {
    let text = "a --token=hunter2 b --password hunter2";
    let one = Redactor::new().keyed([1; 32]).text(text).into_owned();
    let tags: Vec<&str> = one.split("argument:").skip(1).filter_map(|t| t.get(..8)).collect();
    assert_eq!(tags.len(), 2);
    assert_eq!(tags.first(), tags.last());
    assert_ne!(one, Redactor::new().keyed([2; 32]).text(text));
}

/// Ways to write a secret, `@` is where.
const FORMS: [&str; 14] = [
    "PGPASSWORD=@",
    "MYSQL_PWD=@",
    "export API_TOKEN='@'",
    "--password @",
    "--client-secret=@",
    "-Ddb.password=@",
    "password: @",
    "db_password = @",
    "{\"password\":\"@\"}",
    "{\\\"token\\\":\\\"@\\\"}",
    "'secret': '@'",
    "-passin pass:@",
    "machine m login l password @",
    "https://user:@@host/path",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn an_announced_secret_never_stays(
        form in prop::sample::select(FORMS.to_vec()),
        secret in "[A-Za-z0-9+/_.!%-]{8,20}[0-9][A-Za-z]",
        before in "[a-z0-9 /.:=-]{0,20}",
        after in "[a-z0-9 /.:=\"',{}-]{0,20}",
    ) {
        // A value that begins with a slash or a dash is a path or an option.
        prop_assume!(!secret.starts_with(['/', '-']));
        // In a URL it is written `%2F`.
        prop_assume!(!(form.contains("://") && secret.contains('/')));
        let text = format!("{before}\n{} {after}", form.replacen('@', &secret, 1));
        let clean = redactor().text(&text).into_owned();
        prop_assert!(!clean.contains(&secret), "{text} → {clean}");
        prop_assert_eq!(redactor().text(&clean), clean.as_str());
        let mut record = json!({ "argv": ["sh", "-c", text] });
        redactor().value(&mut record);
        prop_assert!(!record.to_string().contains(&secret), "{record}");
    }
}
