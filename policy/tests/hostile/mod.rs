//! Texts that go to the caps of the reader, each in another way, and texts that would make it do one thing again and again.

use tollgate_policy::shell::caps;

/// As often as it fits.
fn full(piece: &str) -> String {
    piece.repeat(caps::LENGTH / piece.len())
}

/// Numbered pieces, as many as fit in so many bytes.
fn numbered(bytes: usize, piece: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        let next = piece(number);
        if text.len() + next.len() > bytes {
            return text;
        }
        text.push_str(&next);
    }
    text
}

/// One text within another, so deep.
fn deep(depth: usize, (open, close): (&str, &str), inside: &str) -> String {
    format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
}

/// Nested to the cap, one beside the other as often as it fits.
fn nested(open: &str, close: &str) -> String {
    let one = deep(caps::NESTING, (open, close), "ls");
    one.clone() + &format!("; {one}").repeat(caps::LENGTH / (one.len() + 2) - 1)
}

/// All of them, with a name each.
pub(crate) fn texts() -> Vec<(&'static str, String)> {
    let mut all = grammar();
    all.extend(values());
    all.extend(words());
    for (_, text) in &mut all {
        let end = text.floor_char_boundary(caps::LENGTH.min(text.len()));
        text.truncate(end);
    }
    all
}

/// Commands and what they stand in.
fn grammar() -> Vec<(&'static str, String)> {
    let long = "ls -l;".repeat(200);
    let inner = caps::NESTING.saturating_sub(3);
    vec![
        ("words", full("a ")),
        ("commands", full("ls;")),
        ("commands long", full("ls -la /tmp/aaaaaaaaa; ")),
        ("pipes", format!("ls{}", full("|ls"))),
        ("lists and", format!("ls{}", full("&&ls"))),
        ("lists or", format!("ls{}", full("||ls"))),
        ("lists mixed", format!("ls{}", full("||a=1&&b=2"))),
        ("background", full("ls&")),
        ("substitutions", nested("$(", ")")),
        ("substitutions deep", deep(inner / 2, ("echo $(", ")"), &long)),
        ("quoted deep", deep(inner / 2, ("echo \"$(", ")\""), &long)),
        ("processes deep", deep(inner / 2, ("cat <(", ")"), &long)),
        ("substitutions wide", format!("echo {}", full("$(a)"))),
        ("backticks", full("`ls` ")),
        ("groups", nested("{ ", "; }")),
        ("groups deep", deep(inner / 2, ("{ ", "}"), &long)),
        ("subshells", nested("( ", " )")),
        ("subshells deep", deep(inner / 2, ("(", ")"), &long)),
        ("functions", full("f(){ ls;};f;")),
        ("functions named", numbered(caps::LENGTH, |n| format!("f{n}(){{ a{n}=1;}};"))),
        ("functions deep", deep(inner / 2, ("f(){ ", ";}"), "a=1;ls")),
        ("conditions", full("if a;then b;fi;")),
        ("elif", format!("if a;then b;{}fi", "elif a;then b;".repeat(700))),
        ("loops", full("for i in a b;do c $i;done;")),
        ("loops deep", deep(inner / 2, ("while a;do ", "done;"), &"a=1;ls;".repeat(300))),
        ("case", format!("case x in {}esac", "a)b;;".repeat(1900))),
        ("case patterns", format!("case x in {}a) ls;; esac", "a|".repeat(4900))),
        ("case deep", deep(inner / 2, ("case x in x) ", ";; esac"), &"ls;".repeat(1000))),
        ("tests", full("[[ a == b ]];")),
        ("tests long", format!("[[ {} a ]]", "a && ".repeat(1900))),
        ("heredocs", full("cat <<E\na\nE\n")),
        ("heredocs on a line", format!("cat {}\n{}", "<<E ".repeat(1000), "E\n".repeat(1000))),
        ("heredocs expanded", full("cat <<E\n$a $(b)\nE\n")),
        ("heredoc long", format!("cat <<E\n{}\nE\n", "$a ".repeat(3300))),
        ("heredocs open", full("cat <<E\n")),
        ("heredocs deep", deep(inner / 2, ("cat <<E\n$(", ")\nE\n"), &long)),
        ("comments", full("#\n")),
        ("joined lines", full("\\\n")),
        ("open", full("$(")),
        ("open braces", full("${a:-")),
        ("open arithmetic", full("$((")),
        ("open brackets", full("a[")),
        ("open subscripts", full("a[$(")),
        ("quote", format!("'{}", full("a"))),
        ("double quote", format!("\"{}", full("a"))),
        ("odd characters", full("\u{202e}a")),
    ]
}

/// What is kept while a text is read: variables, folders, what is expanded.
fn values() -> Vec<(&'static str, String)> {
    let half = caps::LENGTH / 2;
    let variables = numbered(half, |n| format!("a{n}=1;"));
    let long = "a".repeat(half);
    let fill = |piece: &str, before: &str| {
        format!("{before}{}", piece.repeat(caps::LENGTH.saturating_sub(before.len()) / piece.len()))
    };
    vec![
        ("assignments", full("a=b ")),
        ("variables apart", fill("(:);", &variables)),
        ("variables set apart", fill("(b=1);", &variables)),
        ("variables piped", fill("ls|", &variables)),
        ("variables called", fill("f(){ b=1;};", &variables)),
        ("variables looped", fill("for i in 1;do b=$i;done;", &variables)),
        ("doubled", fill("x=$x$x;", "x=aaaaaaaaaaaaaaaa;")),
        ("doubled quoted", fill("x=\"$x$x\";", "x=aaaaaaaaaaaaaaaa;")),
        ("doubled words", fill("x=\"$x $x\";ls $x;", "x=aaaa;")),
        ("doubled arrays", fill("a=(\"${a[@]}\" \"${a[@]}\");", "a=(a a a a);")),
        ("doubled arguments", fill("set -- \"$@\" \"$@\";", "set -- a a a a;")),
        ("doubled by printf", fill("printf -v x \"$x$x\";", "x=aaaaaaaa;")),
        ("doubled by export", fill("export x=\"$x$x\";", "x=aaaaaaaa;")),
        ("replaced", fill("x=${x//a/aaaaaaaa};", "x=aaaaaaaa;")),
        ("long value", fill("$x ", &format!("x={long};ls "))),
        ("long value joined", fill("$x", &format!("x={long};ls "))),
        ("long value in redirection", fill(">$x ", &format!("x={long};ls "))),
        ("long value in eval", fill("eval $x;", &format!("x={long};"))),
        ("long separators", fill("$x ", &format!("IFS={};x={};ls ", "a".repeat(3000), "b".repeat(3000)))),
        ("long list", fill("$x ", &format!("x='{}';ls ", "a ".repeat(2000)))),
        ("long array", fill("${x[@]} ", &format!("x=({});ls ", "a ".repeat(600)))),
        ("folders", fill("cd aaaa&&", "")),
        ("long folder", fill("(:);", &format!("cd {long}&&ls;"))),
        ("long folder named", fill("ls ./a $PWD;", &format!("cd /{long};"))),
        ("parameters", full("${x:-y}")),
        ("parameters deep", full(&deep(caps::NESTING / 2, ("${a:-", "}"), "x"))),
        ("lengths", full("${#x} ")),
        ("slices", full("${x:1:2} ")),
        ("arithmetic", full("$((1+2)) ")),
        ("arithmetic deep", format!("(( {}1{} ))", "(".repeat(4900), ")".repeat(4900))),
        ("arithmetic names", format!("(( {} 1 ))", numbered(9000, |n| format!("a{n}=1,")))),
        ("arithmetic unknown", full("$((a)) ")),
        ("arithmetic loops", full("for((i=0;i<9;i++));do ls;done;")),
        ("subscripts", full("a[b]=1 ")),
    ]
}

/// What words become, and what is said of them.
fn words() -> Vec<(&'static str, String)> {
    let fill = |piece: &str, before: &str| {
        format!("{before}{}", piece.repeat(caps::LENGTH.saturating_sub(before.len()) / piece.len()))
    };
    let long = "a".repeat(caps::LENGTH - 100);
    vec![
        ("braces", full("{a,b}")),
        ("braces apart", full("{a,b} ")),
        ("braces counted", full("{1..9} ")),
        ("braces of a long word", format!("ls {{1..255}}{long}")),
        ("braces of long words", format!("ls {}", format!("{{1..250}}{} ", "a".repeat(480)).repeat(20))),
        ("braces far", full("{1..999999999} ")),
        ("braces open", full("{{a,")),
        ("braces multiplied", format!("ls {}", full("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b} "))),
        ("quotes", full("'a'\"b\"")),
        ("redirections", format!("ls {}", full(">f "))),
        ("redirections of groups", full("{ ls;}>f;")),
        ("stars", fill("* ", "ls ")),
        ("question marks", fill("?a ", "ls ")),
        ("patterns", fill(".e* ", "cat ")),
        ("patterns named", format!("cat {}", numbered(9900, |n| format!("i{n}* ")))),
        ("pattern long", format!("cat i{}", "*a".repeat(4900))),
        ("pattern brackets", format!("cat .{}", "[a]".repeat(3200))),
        ("paths", fill("../a ", "cat ")),
        ("path long", format!("cat {}", "../".repeat(3300))),
        ("names", fill("ab ", "cat ")),
        ("git", fill("push ", "git ")),
        ("git options", fill("-c a=b ", "git ")),
        ("rm", fill("-r a ", "rm ")),
        ("npm", fill("a ", "npm install ")),
        ("docker", fill("-v /a:/b ", "docker run ")),
        ("curl", fill("-H a ", "curl ")),
        ("unknown", fill("$a ", "git ")),
        ("texts", full("bash -c 'ls -l';")),
        ("texts deep", full("bash -c \"bash -c 'ls -l'\";")),
        ("evals", full("eval 'eval ls';")),
        ("evals of words", fill("ls ", "eval ")),
        ("wrappers", full("env nice timeout 1 ls;")),
        ("wrappers deep", fill("env ", "")),
        ("wrappers deep, options", fill("env -i ", "")),
        ("wrappers of many words", format!("{} ls {}", "env ".repeat(200), "a ".repeat(4500))),
        ("xargs", fill("xargs -I% ", "")),
        ("sudo", fill("sudo -u a ", "")),
        ("find", fill("-exec ls {} \\; ", "find . ")),
        ("find at once", fill("-exec ls {} ", "find . ")),
        ("sed", full("sed -e s/a/b/ f;")),
        ("sed long", format!("sed '{}'", "s/a/b/;".repeat(1400))),
        ("awk long", format!("awk '{}'", "{print $1}".repeat(980))),
        ("python", full("python3 -c 'x';")),
        ("traps", full("trap 'a=1' EXIT;")),
        ("aliases", full("alias a=b;")),
        ("fetched", format!("curl x | sh; {}", numbered(9900, |n| format!("a{n} b;")))),
        ("wrappers of braces", format!("{}ls {}", "busybox ".repeat(8), "{a,{b,c}} ".repeat(900))),
        ("braces between pieces", format!("ls {}{}", "y='".repeat(300), "{a,b}".repeat(8) + &"''".repeat(1500))),
        ("unread", format!("{}#\n{}y='", "exec ".repeat(60), "sed s/a/b/ ".repeat(180))),
        ("unread, of paths", format!("{}y='", "/etc/x ".repeat(1000))),
        ("unclear", numbered(9990, |n| format!("$a{n};"))),
        ("words of all sorts", format!("x=$(a); {}", numbered(9900, |n| format!("w{n} ")))),
    ]
}
