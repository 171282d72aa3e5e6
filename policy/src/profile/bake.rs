//! Checked documents as Rust, so that the shipped ones become part of the program: at a launch nothing is read, unpacked
//! or copied. Only builds use this.

use std::fmt::Write as _;

use super::document::{
    Approvals, CallLine, CommandRule, Defaults, Document, Envelope, EnvironmentTerms, Example, List, NetRule,
    NetworkGrant, PathRule, ProgramLine, Reference, Reviewer, RiskLine, Roots, Runs, Spot, Terms, Text, ToolRule,
    UnixRule, Words,
};
use crate::action::Access;
use crate::boundary::{ArgTest, CallFate, Feature, Namespace, Reach, Rights};
use crate::question::{Authorised, Risk};
use crate::ready::{Filed, Index, Numbered, Placed, Prepared, Slot, Start};
use crate::verdict::Effect;

/// What expressions name.
pub(crate) const NAMES: &str = "\
    use ::std::borrow::Cow::Borrowed as B;\n\
    use ::tollgate_policy::{action::*, boundary::*, profile::document::*, question::{Authorised, Risk}, ready::*, verdict::*};\n";

/// A value as an expression that is constant.
pub(crate) trait Bake {
    /// Writes it behind what is there.
    fn bake(&self, out: &mut String);
}

/// The value as an expression that is constant: for a `static` of the value's own type, where [`NAMES`] are
/// in reach.
pub(crate) fn expression(value: &impl Bake) -> String {
    let mut out = String::new();
    value.bake(&mut out);
    out
}

impl Bake for Text {
    fn bake(&self, out: &mut String) {
        // What is pushed to a string can't fail.
        let _written = write!(out, "B({:?})", &**self);
    }
}

impl<T: Bake + Clone> Bake for List<T> {
    fn bake(&self, out: &mut String) {
        out.push_str("B(&[");
        for item in self.iter() {
            item.bake(out);
            out.push_str(", ");
        }
        out.push_str("])");
    }
}

impl Bake for Start {
    fn bake(&self, out: &mut String) {
        match self {
            Self::Variable(name) => {
                out.push_str("Start::Variable(");
                name.bake(out);
                out.push(')');
            }
            Self::Root | Self::Home | Self::Workspace | Self::Temp | Self::State => {
                let _written = write!(out, "Start::{self:?}");
            }
        }
    }
}

impl<T: Bake> Bake for Option<T> {
    fn bake(&self, out: &mut String) {
        match self {
            None => out.push_str("None"),
            Some(value) => {
                out.push_str("Some(");
                value.bake(out);
                out.push(')');
            }
        }
    }
}

impl<A: Bake, B: Bake> Bake for (A, B) {
    fn bake(&self, out: &mut String) {
        out.push('(');
        self.0.bake(out);
        out.push_str(", ");
        self.1.bake(out);
        out.push(')');
    }
}

macro_rules! plain {
    ($($kind:ty),*) => { $(impl Bake for $kind {
        fn bake(&self, out: &mut String) {
            let _written = write!(out, "{self:?}");
        }
    })* };
}
plain!(bool, u8, u16, u32, u64);

macro_rules! words {
    ($($kind:ident),*) => { $(impl Bake for $kind {
        fn bake(&self, out: &mut String) {
            let _written = write!(out, concat!(stringify!($kind), "::{:?}"), self);
        }
    })* };
}
words!(Access, Authorised, CallFate, Feature, Namespace, Reach, Effect, Risk, Runs, Words);

macro_rules! structs {
    ($($kind:ident { $($field:ident),* })*) => { $(impl Bake for $kind {
        fn bake(&self, out: &mut String) {
            // Spelled out, so that a new field is not forgotten here.
            let Self { $($field),* } = self;
            out.push_str(concat!(stringify!($kind), " { "));
            $(
                out.push_str(concat!(stringify!($field), ": "));
                $field.bake(out);
                out.push_str(", ");
            )*
            out.push('}');
        }
    })* };
}

structs! {
    ArgTest { arg, mask, equal, not }
    Rights { read, execute, write, device }
}

structs! {
    Prepared { roots, hidden, protected, sockets, guarded_sockets, pass, drop, never_set }
    Placed { start, rest }
    Filed { rules, by_word, by_program, apart }
    Numbered { source, rule }
    Index { slots, filed, always }
    Slot { key, from, to }
}

structs! {
    Document {
        source, sha256, name, about, extends, starters, defaults, roots, network, environment, limits, budget, namespaces,
        require, approvals, reviewer, envelope, commands, paths, nets, sockets, tools, risks, calls, programs
    }
    Spot { line, column }
    Reference { name, spot }
    Defaults { exec, path, name, unix, tool, unnamed }
    Roots { read, exec, write, device }
    NetworkGrant { reach, ports, unix }
    Approvals { deadline, exact, two, open, canaries }
    Reviewer {
        command, endpoint, dialect, model, key, deadline, tokens, budget, price_in, price_out, rate, breaker, spot
    }
    EnvironmentTerms { pass, drop, set, harmless }
    Envelope { read, exec, write, device, reach, ports, names, unix }
    Terms { effect, because, class, spot, matches, spares }
    Example { text, spot }
    CommandRule { terms, program, executable, args, subcommand, global, flags, without, sha256, profile }
    PathRule { terms, access, paths }
    NetRule { terms, names, ports }
    UnixRule { terms, sockets }
    ToolRule { terms, server, tool }
    RiskLine { class, risk, reversible, authorised, then, because, matches, spot }
    CallLine { names, then, errno, when, because, spot }
    ProgramLine { names, runs, words, skip, assignments, adds, fetches, values, text, code, commands, unless, spot }
}
