//! What `tollgate web` is told.

use clap::Args;

pub(super) const WEB: &str = "\
Prints a link that lets one browser in, once. The page answers questions like
`tollgate approvals`, with the same limits, and only for your own runs.

Example:
  tollgate web
  tollgate web --listen 127.0.0.1:8080";

#[derive(Debug, Args)]
pub(crate) struct Web {
    /// Listen here; 127.0.77.1:7077 if nothing is said, an address that no other server's cookies reach
    #[arg(long, value_name = "ADDR", value_parser = crate::verb::web::address)]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// Let the address be one that the network can reach, without encryption
    #[arg(long, requires = "listen")]
    pub(crate) beyond_loopback: bool,
}
