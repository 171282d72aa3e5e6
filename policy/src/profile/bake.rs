//! Checked documents as Rust, so that the shipped ones become part of the program: at a launch nothing is read, unpacked
//! or copied. Only builds use this.

use std::fmt::Write as _;

use super::document::{
    Approvals, CallLine, CommandRule, Defaults, Document, EnvironmentTerms, Envelope, Example, List, NetRule,
    NetworkGrant, PathRule, Reference, RiskLine, Roots, Spot, Terms, Text, ToolRule, UnixRule,
};
use crate::action::Access;
use crate::boundary::{ArgTest, CallFate, Feature, Namespace, Reach};
use crate::verdict::Effect;

/// A value as an expression that is constant.
pub(crate) trait Bake {
    /// Writes it behind what is there.
    fn bake(&self, out: &mut String);
}

/// The value as an expression that is constant: for a `static` of the value's own type.
pub(crate) fn expression(value: &impl Bake) -> String {
    let mut out = String::new();
    value.bake(&mut out);
    out
}

impl Bake for Text {
    fn bake(&self, out: &mut String) {
        // What is pushed to a string can't fail.
        let _written = write!(out, "::std::borrow::Cow::Borrowed({:?})", &**self);
    }
}

impl<T: Bake + Clone> Bake for List<T> {
    fn bake(&self, out: &mut String) {
        out.push_str("::std::borrow::Cow::Borrowed(&[");
        for item in self.iter() {
            item.bake(out);
            out.push_str(", ");
        }
        out.push_str("])");
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
    ($($module:ident::$kind:ident),*) => { $(impl Bake for $kind {
        fn bake(&self, out: &mut String) {
            let _written = write!(
                out, concat!("::tollgate_policy::", stringify!($module), "::", stringify!($kind), "::{:?}"), self
            );
        }
    })* };
}
words!(action::Access, boundary::CallFate, boundary::Feature, boundary::Namespace, boundary::Reach, verdict::Effect);

macro_rules! structs {
    ($module:literal: $($kind:ident { $($field:ident),* })*) => { $(impl Bake for $kind {
        fn bake(&self, out: &mut String) {
            // Spelled out, so that a new field is not forgotten here.
            let Self { $($field),* } = self;
            out.push_str(concat!("::tollgate_policy::", $module, "::", stringify!($kind), " { "));
            $(
                out.push_str(concat!(stringify!($field), ": "));
                $field.bake(out);
                out.push_str(", ");
            )*
            out.push('}');
        }
    })* };
}

structs! { "boundary": ArgTest { arg, mask, equal, not } }

structs! { "profile::document":
    Document {
        source, sha256, name, about, extends, starters, defaults, roots, network, environment, limits, namespaces,
        require, approvals, envelope, commands, paths, nets, sockets, tools, risks, calls
    }
    Spot { line, column }
    Reference { name, spot }
    Defaults { exec, path, name, unix, tool, unnamed }
    Roots { read, exec, write, device }
    NetworkGrant { reach, ports, unix }
    EnvironmentTerms { pass, drop, set }
    Approvals { deadline, exact }
    Envelope { read, exec, write, device, reach, ports, names, unix }
    Terms { effect, because, class, spot, matches, spares }
    Example { text, spot }
    CommandRule { terms, program, executable, args, subcommand, global, flags, without, sha256, profile }
    PathRule { terms, access, paths }
    NetRule { terms, names, ports }
    UnixRule { terms, sockets }
    ToolRule { terms, server, tool }
    RiskLine { class, reversible, then, because, spot }
    CallLine { names, then, errno, when, because, spot }
}
