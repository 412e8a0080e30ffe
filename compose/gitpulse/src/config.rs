//! `gitpulse config`. In: settings with their origins. Out: a table. Never a secret.

use comfy_table::{Table, presets};
use ingest::config::TenantConfig;

use crate::settings::Source;

/// Prints all settings.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(crate) fn print(sources: &[Source], tenants: &[TenantConfig]) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["setting", "value", "from", "variable"]);
    for source in sources {
        table.add_row([&source.name, &source.value, &source.origin, &source.variable]);
    }
    println!("{table}");
    for tenant in tenants {
        // A value that will be refused at the start is not printed: it may hold a password.
        let identity = tenant.identity();
        let instance = match &identity {
            Ok(identity) => identity.instance().unwrap_or("as deliveries say"),
            Err(_) => "refused at the start",
        };
        println!(
            "tenant {}: instance {}, {} token(s) ***, {} signing token(s) ***, networks {:?}, path only: {}, bound to projects {:?} and groups {:?}, all projects: {}",
            tenant.name,
            instance,
            tenant.tokens.len(),
            tenant.signing_tokens.len(),
            tenant.allowed_networks,
            tenant.path_only,
            tenant.projects,
            tenant.groups,
            tenant.all_projects
        );
    }
    Ok(())
}
