//! The verbs, one file each. They gather, call the rooms below, and show; they decide nothing.

pub(crate) mod approvals;
pub(crate) mod doctor;
pub(crate) mod entrypoint;
pub(crate) mod evidence;
pub(crate) mod handed;
pub(crate) mod hook;
pub(crate) mod init;
pub(crate) mod ledger;
pub(crate) mod notice;
pub(crate) mod outside;
pub(crate) mod pages;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod request;
pub(crate) mod reviewer;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod watch;
pub(crate) mod web;
