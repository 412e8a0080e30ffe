//! The target of `send` and `simulate`. In: an address, or where ingest listens. Out: the URL of webhooks, and when to give up. Never another host
//! than the one that was named.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;

/// The path of webhooks, without a tenant's name.
const PATH: &str = "/api/v1/webhooks/gitlab";

/// Where deliveries go.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Address to send to: http://HOST:PORT, or with the path of a tenant; by default that of --listen on this machine
    #[arg(long, id = "webhook-url", value_name = "URL", value_parser = with_path)]
    url: Option<String>,

    /// Address that ingest listens on; used where --url is not given
    #[arg(long, env = "GITPULSE_LISTEN", default_value = "0.0.0.0:8000", value_name = "ADDRESS")]
    listen: SocketAddr,
}

impl TargetArgs {
    /// The URL of webhooks.
    pub(crate) fn url(&self) -> String {
        self.url.clone().unwrap_or_else(|| format!("http://{}{PATH}", reachable(self.listen)))
    }
}

/// An address to connect to: an unspecified address becomes the loopback address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn with_path(text: &str) -> Result<String, String> {
    let mut url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it begins with neither http:// nor https://".to_owned());
    }
    if url.path() == "/" {
        url.set_path(PATH);
    }
    Ok(url.into())
}

/// The fault, if every delivery gets this answer; `None` for an answer that other deliveries need not get.
pub(crate) fn refuses_all(status: u16, url: &str) -> Option<String> {
    match status {
        401 => Some(format!(
            "{url} answers 401: it does not know this secret; GITLAB_WEBHOOK_TOKEN, GITLAB_WEBHOOK_SIGNING_TOKEN or --data-dir names another"
        )),
        404 => {
            Some(format!("{url} answers 404: nothing there receives webhooks; --url names another address"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        target: TargetArgs,
    }

    fn check(arguments: &[&str], expected: &str) {
        let cli = Cli::try_parse_from([&["send"], arguments].concat()).unwrap();
        assert_eq!(cli.target.url(), expected, "{arguments:?}");
    }

    #[test]
    fn deliveries_go_where_ingest_listens() {
        check(&["--listen", "0.0.0.0:8000"], "http://127.0.0.1:8000/api/v1/webhooks/gitlab");
        check(&["--listen", "[::]:9000"], "http://[::1]:9000/api/v1/webhooks/gitlab");
        check(&["--listen", "192.0.2.7:80"], "http://192.0.2.7:80/api/v1/webhooks/gitlab");
    }

    #[test]
    fn an_address_without_a_path_means_the_path_of_webhooks() {
        check(&["--url", "http://h:1"], "http://h:1/api/v1/webhooks/gitlab");
        check(&["--url", "https://h/"], "https://h/api/v1/webhooks/gitlab");
        check(&["--url", "http://h:1/hooks/team"], "http://h:1/hooks/team");
        assert!(Cli::try_parse_from(["send", "--url", "h:8000"]).is_err());
    }
}
