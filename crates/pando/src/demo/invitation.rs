//! After the tour: what was seen, and what one can try while everything still runs.

use super::people::{ADMINS, BASE, DOMAIN, GMSAS};
use super::report::Report;
use super::stage::Stage;
use crate::commands::Failed;
use crate::terminal;

/// One line about the whole tour.
pub fn sum_up(report: &Report) {
    let links: Vec<_> = report.stations.iter().flat_map(|station| &station.links).collect();
    let refused = links.iter().filter(|link| link.refused.is_some()).count();
    let verdict = if report.ok { "The chain holds" } else { "The chain is broken" };
    terminal::say(format_args!(
        "\n{verdict}: {} links, and {refused} refusals that had to come, in {:.1} s.",
        links.len() - refused,
        report.took_ms / 1e3
    ));
}

/// Says what can be pasted into another terminal.
pub fn invite(stage: &Stage) -> Result<(), Failed> {
    let krb5 = stage.path("krb5.conf");
    std::fs::write(&krb5, krb5_conf(&stage.controller.kerberos))?;
    let (ldap_port, ldaps_port) = (port(&stage.controller.ldap), port(&stage.controller.ldaps));
    let (alice, bob) = (stage.passwords.of("alice"), stage.passwords.of("bob"));
    terminal::say(format_args!(
        "
Everything goes on serving until Ctrl-C. In another terminal:

  The example          open http://{site}/
                         alice  {alice}   is in {ADMINS}: may change limits
                         bob    {bob}   may look

  Kerberos             export KRB5_CONFIG={krb5} KRB5CCNAME=FILE:{own_cache}
                       echo '{alice}' | kinit alice && klist

  LDAP with that       ldapsearch -N -Q -Y GSSAPI -H ldap://localhost:{ldap_port} -b '{BASE}' '(sAMAccountName=alice)' memberOf
  LDAP over TLS        LDAPTLS_CACERT={ca} ldapwhoami -H ldaps://localhost:{ldaps_port} -x -D bob@{DOMAIN} -w '{bob}'

  As the container     KRB5CCNAME=FILE:{cache} klist
                       KRB5CCNAME=FILE:{cache} ldapwhoami -N -Q -Y GSSAPI -H ldap://localhost:{ldap_port}
                       (that is {gmsa}$, whose password no one knows)

  The logs and files   {folder}",
        site = stage.site,
        krb5 = krb5.display(),
        own_cache = stage.text("alice.ccache"),
        ca = stage.controller.ca.display(),
        cache = stage.text("ccache"),
        gmsa = GMSAS[0],
        folder = stage.text(""),
    ));
    Ok(())
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').map_or("", |(_, port)| port)
}

/// How MIT's programs find the KDC.
fn krb5_conf(kdc: &str) -> String {
    let realm = DOMAIN.to_uppercase();
    format!(
        "[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false

[realms]
    {realm} = {{
        kdc = {kdc}
    }}

[domain_realm]
    localhost = {realm}
    .{DOMAIN} = {realm}
"
    )
}
