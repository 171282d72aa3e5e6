//! What the tests of the whole share: a scene to play on, a person to play it, the program, and its outcome. Each
//! folder beside this one is a suite of its own. Nothing here knows how Tollgate works: the end-to-end tests judge from
//! outside, through the program's own verbs and the disk.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test that meets anything else has failed")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test fails by panicking"
)]

pub mod approver;
pub mod compile;
pub mod hook;
pub mod job;
pub mod model;
pub mod page;
pub mod program;
pub mod reviewer;
pub mod scene;
pub mod screen;
pub mod setting;
mod skip;

pub use job::{Job, Outcome};
pub use scene::Scene;
pub use setting::Setting;
pub use skip::skip;

/// Plays cases in every setting of the named kind: a test for each, as each is a process of its own.
#[macro_export]
macro_rules! cases {
    (@one $setting:ident $test:ident $case:path) => {
        #[test]
        fn $test() {
            if let Some(scene) = $crate::Scene::lay($crate::Setting::$setting) {
                $case(&scene);
            }
        }
    };
    (everywhere: $($name:ident)*) => {
        $(mod $name {
            $crate::cases!(@one Root root super::$name);
            $crate::cases!(@one RootWithoutNamespaces root_without_namespaces super::$name);
            $crate::cases!(@one User user super::$name);
            $crate::cases!(@one UserWithoutNamespaces user_without_namespaces super::$name);
        })*
    };
    (both: $($name:ident)*) => {
        $(mod $name {
            $crate::cases!(@one Root root super::$name);
            $crate::cases!(@one User user super::$name);
        })*
    };
    // What takes long: each kind of person, and once where no namespaces can be made.
    (heavy: $($name:ident)*) => {
        $(mod $name {
            $crate::cases!(@one Root root super::$name);
            $crate::cases!(@one User user super::$name);
            $crate::cases!(@one UserWithoutNamespaces user_without_namespaces super::$name);
        })*
    };
    (user: $($name:ident)*) => {
        $(mod $name {
            $crate::cases!(@one User user super::$name);
        })*
    };
}
