//! What must be redacted, and what must be spared: tables to read.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")]

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
