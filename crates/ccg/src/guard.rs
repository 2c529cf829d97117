//! Following the chain, link by link.

use std::sync::Arc;
use std::time::Duration;

use client::dns::{self, Resolver};
use client::ldap::{Connection, Limits, Sealing, Transport};
use client::{Credential, Domain, PrincipalName, gmsa, kerberos};
use credspec::{AccountName, CredentialSpec, DomainFacts, DomainJoinConfig, HostAccountConfig};
use plugins::{PasswordCredentials, Plugin, Registry};

use crate::link::Chain;
use crate::{Account, Asker, Cause, GuardError, HostKeytabs, Identity, Step, domain_facts};

/// Turns credential specs into identities.
#[derive(Clone)]
pub struct Guard {
    plugins: Registry,
    host: HostKeytabs,
    options: Options,
}

/// How the guard talks to the domain.
#[derive(Clone)]
pub struct Options {
    /// Kerberos.
    pub kerberos: kerberos::Options,
    /// What lies beneath LDAP. On a plain transport the guard seals the connection itself.
    pub transport: Transport,
    /// What the directory may cost.
    pub limits: Limits,
    /// How long a plugin may take.
    pub plugin: Duration,
    /// Who is asked where a domain's controllers are, when nobody said.
    pub resolver: Resolver,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kerberos: kerberos::Options::default(),
            transport: Transport::Plain,
            limits: Limits::default(),
            plugin: Duration::from_secs(30),
            resolver: Resolver::system(),
        }
    }
}

impl Guard {
    /// A guard with these plugins and the usual settings.
    #[must_use]
    pub fn new(plugins: Registry) -> Self {
        Self { plugins, host: HostKeytabs::default(), options: Options::default() }
    }

    /// With these settings.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// With these plugins in place of the ones it has.
    #[must_use]
    pub fn with_plugins(mut self, plugins: Registry) -> Self {
        self.plugins = plugins;
        self
    }

    /// With the host's own accounts, for specs that name no plugin.
    #[must_use]
    pub fn with_host_keytabs(mut self, keytabs: HostKeytabs) -> Self {
        self.host = keytabs;
        self
    }

    /// How it talks to domains.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The plugins it may call.
    #[must_use]
    pub fn plugins(&self) -> &Registry {
        &self.plugins
    }

    /// Reads a credential spec and fetches the identity that it names.
    ///
    /// # Errors
    /// The link that broke, why, and what to do.
    pub async fn fetch_json(&self, spec: &[u8], domain: &Domain) -> Result<Identity, GuardError> {
        match CredentialSpec::parse(spec) {
            Ok(spec) => self.fetch(&spec, domain).await,
            Err(error) => Err(GuardError { step: Step::CredentialSpec, links: vec![], cause: Box::new(error.into()) }),
        }
    }

    /// Fetches the identity that a credential spec names: every gMSA in it that belongs to its domain.
    ///
    /// # Errors
    /// The link that broke, why, and what to do.
    pub async fn fetch(&self, spec: &CredentialSpec, domain: &Domain) -> Result<Identity, GuardError> {
        self.fetch_with(spec, domain, None).await
    }

    /// The same with credentials that the caller brought, instead of the spec's plugin or the host's own account.
    ///
    /// # Errors
    /// The link that broke, why, and what to do.
    pub async fn fetch_as(
        &self,
        spec: &CredentialSpec,
        domain: &Domain,
        asker: &Asker,
    ) -> Result<Identity, GuardError> {
        self.fetch_with(spec, domain, Some(asker)).await
    }

    async fn fetch_with(
        &self,
        spec: &CredentialSpec,
        domain: &Domain,
        asker: Option<&Asker>,
    ) -> Result<Identity, GuardError> {
        let mut chain = Chain::new();
        match self.follow(spec, domain, asker, &mut chain).await {
            Ok((domain, default, others)) => {
                let fetched = self.options.kerberos.clock.now();
                Ok(Identity { default, others, links: chain.into_links(), domain, fetched })
            }
            Err(cause) => {
                let error = GuardError { step: chain.step(), links: chain.into_links(), cause: Box::new(cause) };
                tracing::info!(step = ?error.step, %error, fix = error.fix(), "link broken");
                Err(error)
            }
        }
    }

    async fn follow(
        &self,
        spec: &CredentialSpec,
        domain: &Domain,
        asker: Option<&Asker>,
        chain: &mut Chain,
    ) -> Result<(Domain, Account, Vec<Account>), Cause> {
        read_spec(spec, domain, chain)?;
        let domain = self.locate(domain, chain).await?;
        let found = match asker {
            Some(_) => None,
            None => Some(self.asker(spec, &domain, chain).await?),
        };
        let asker = asker.or(found.as_ref()).ok_or(Cause::NoHostIdentity)?;
        let (default, others) = self.retrieve_all(asker, spec, &domain, chain).await?;
        Ok((domain, default, others))
    }

    /// The account of the spec's plugin, or the host's own.
    pub(crate) async fn asker(
        &self,
        spec: &CredentialSpec,
        domain: &Domain,
        chain: &mut Chain,
    ) -> Result<Asker, Cause> {
        match &spec.active_directory_config.host_account_config {
            Some(config) => self.ask_plugin(config, &spec.domain_join_config, chain).await,
            None => self.host.account(&domain.realm),
        }
    }

    /// The domain with its servers: as they were configured, or as DNS says now.
    pub(crate) async fn locate(&self, domain: &Domain, chain: &mut Chain) -> Result<Domain, Cause> {
        if domain.is_placed {
            return Ok(domain.clone());
        }
        chain.begin(Step::Location);
        let found = dns::locate(domain, &self.options.resolver).await;
        let found = found.map_err(|source| Cause::Location { source })?;
        chain.holds(
            "the guard",
            format!("the DNS server {}", found.dns),
            format!("it names {} controllers; {} answers", found.controllers.len(), found.domain.dc_host),
            "nobody: DNS proves nothing, the links that follow do",
        );
        Ok(found.domain)
    }

    /// Calls the plugin that the spec names, on a thread that may block.
    async fn ask_plugin(
        &self,
        config: &HostAccountConfig,
        domain: &DomainJoinConfig,
        chain: &mut Chain,
    ) -> Result<Asker, Cause> {
        chain.begin(Step::Plugin);
        let clsid = config.plugin_guid;
        let plugin = self.plugins.get(clsid).ok_or_else(|| Cause::NoPlugin { clsid, known: self.known() })?;
        let name = format!("plugin {}", plugin.name());
        let credentials = self.call(plugin, &name, config.plugin_input.as_str().to_owned()).await?;
        if !domain.is_named(&credentials.domain) {
            let spec = format!("{} ({})", domain.dns_name, domain.net_bios_name);
            return Err(Cause::CredentialsOfOtherDomain { credentials: credentials.domain, spec });
        }
        // With a domain of its own in it, the name could lead to another realm than the one just checked.
        if credentials.username.is_empty() || credentials.username.contains(['\\', '/', '@', ':']) {
            return Err(Cause::Username(credentials.username));
        }
        let hop = credentials.hop;
        chain.holds(format!("the guard's {name} {}", clsid.braced()), hop.to, hop.how, hop.authorised_by);
        Ok(Asker {
            name: PrincipalName::user(&credentials.username),
            secret: kerberos::Secret::Password(credentials.password),
        })
    }

    async fn call(&self, plugin: Arc<dyn Plugin>, name: &str, input: String) -> Result<PasswordCredentials, Cause> {
        let called = tokio::task::spawn_blocking(move || plugin.get_password_credentials(&input));
        match tokio::time::timeout(self.options.plugin, called).await {
            Ok(Ok(Ok(credentials))) => Ok(credentials),
            Ok(Ok(Err(source))) => Err(Cause::Plugin { plugin: name.to_owned(), source }),
            Ok(Err(_)) => Err(Cause::PluginCrashed { plugin: name.to_owned() }),
            Err(_) => Err(Cause::PluginTimeout { plugin: name.to_owned(), seconds: self.options.plugin.as_secs() }),
        }
    }

    fn known(&self) -> String {
        let known: Vec<_> = self.plugins.iter().map(|p| format!("{} {}", p.name(), p.clsid().braced())).collect();
        if known.is_empty() { "no plugins".to_owned() } else { format!("only {}", known.join(", ")) }
    }

    /// From the impersonation account to the gMSAs.
    async fn retrieve_all(
        &self,
        asker: &Asker,
        spec: &CredentialSpec,
        domain: &Domain,
        chain: &mut Chain,
    ) -> Result<(Account, Vec<Account>), Cause> {
        let ticket = self.log_on(&asker.name, &asker.secret, domain, chain).await?;
        let mut connection = self.connect(&ticket, domain, chain).await?;
        check_domain(&mut connection, spec, chain).await?;
        let default =
            self.account(&mut connection, &spec.domain_join_config.machine_account_name, spec, domain, chain).await?;
        let mut others = Vec::new();
        for name in spec.accounts().into_iter().skip(1) {
            others.push(self.account(&mut connection, name, spec, domain, chain).await?);
        }
        connection.unbind().await;
        Ok((default, others))
    }

    pub(crate) async fn log_on(
        &self,
        name: &PrincipalName,
        secret: &kerberos::Secret,
        domain: &Domain,
        chain: &mut Chain,
    ) -> Result<Credential, Cause> {
        chain.begin(Step::ImpersonationLogon);
        let ticket = kerberos::initial(domain, name, secret, &self.options.kerberos).await?;
        chain.holds(
            format!("impersonation account {name}@{}", domain.realm),
            format!("KDC of {}", domain.realm),
            "Kerberos AS exchange: each proves that it knows the account's key; AES",
            "the account's password; the account is enabled",
        );
        Ok(ticket)
    }

    pub(crate) async fn connect(
        &self,
        ticket: &Credential,
        domain: &Domain,
        chain: &mut Chain,
    ) -> Result<Connection, Cause> {
        chain.begin(Step::Directory);
        let options = &self.options;
        let mut connection = Connection::connect_any(&domain.ldap, &options.transport, &options.limits).await?;
        // Active Directory refuses a second layer inside TLS.
        let (sealing, how) = match options.transport {
            Transport::Plain => {
                (Sealing::Confidential, "SASL GSSAPI with mutual authentication, every message encrypted")
            }
            _ => (Sealing::None, "SASL GSSAPI with mutual authentication, inside TLS"),
        };
        connection.bind_gssapi(domain, ticket, &domain.dc_host, sealing, &options.kerberos).await?;
        if !connection.is_sealed() {
            return Err(Cause::NotSealed { server: connection.server().to_string() });
        }
        chain.holds(
            format!("impersonation account {}@{}", ticket.client, domain.realm),
            format!("domain controller {} at {}", domain.dc_host, connection.server()),
            how,
            format!("a ticket for {}", domain.ldap_spn()),
        );
        Ok(connection)
    }

    /// One gMSA: its password, then its ticket.
    async fn account(
        &self,
        connection: &mut Connection,
        name: &AccountName,
        spec: &CredentialSpec,
        domain: &Domain,
        chain: &mut Chain,
    ) -> Result<Account, Cause> {
        chain.begin(Step::Password);
        let mut gmsa = gmsa::retrieve(connection, &domain.base_dn(), &name.sam_account_name()).await?;
        let domain_sid = spec.domain_join_config.sid;
        if !gmsa.sam_account_name.eq_ignore_ascii_case(&name.sam_account_name()) || !gmsa.sid.is_in(&domain_sid) {
            return Err(Cause::OtherAccount {
                asked: format!("{} of the domain {domain_sid}", name.sam_account_name()),
                got: format!("{} ({})", gmsa.sam_account_name, gmsa.sid),
            });
        }
        chain.holds(
            "impersonation account",
            format!("{} ({})", gmsa.dn, gmsa.sid),
            "the domain controller derives msDS-ManagedPassword from its KDS root key, over the encrypted connection",
            format!("msDS-GroupMSAMembership of {} lets the account retrieve it", gmsa.sam_account_name),
        );

        chain.begin(Step::GmsaLogon);
        // The keys in a keytab need the very salt the KDC uses.
        gmsa.learn_salt(domain, &self.options.kerberos).await?;
        let ticket = gmsa::log_on(domain, &gmsa, &self.options.kerberos).await?;
        let account = Account { name: name.clone(), gmsa, ticket };
        chain.holds(
            account.principal(),
            format!("KDC of {}", domain.realm),
            "Kerberos AS exchange with the AES key made of the managed password",
            "the gMSA's own password, which no person knows",
        );
        Ok(account)
    }
}

/// The spec has been parsed; here it is held against what the guard is set up for.
fn read_spec(spec: &CredentialSpec, domain: &Domain, chain: &mut Chain) -> Result<(), Cause> {
    chain.begin(Step::CredentialSpec);
    let config = &spec.domain_join_config;
    if !config.dns_name.is(&domain.dns_name) {
        return Err(Cause::OtherDomain { spec: config.dns_name.to_string(), configured: domain.dns_name.clone() });
    }
    let accounts: Vec<_> = spec.accounts().into_iter().map(AccountName::sam_account_name).collect();
    chain.holds(
        "the container",
        "the guard",
        format!("a credential spec for {} of {} ({})", accounts.join(", "), config.dns_name, config.sid),
        "whoever may give a container this spec; it holds no secret",
    );
    Ok(())
}

/// Names can be the same in two forests; SID and GUID are not.
async fn check_domain(connection: &mut Connection, spec: &CredentialSpec, chain: &mut Chain) -> Result<(), Cause> {
    chain.begin(Step::Domain);
    let facts = domain_facts(connection).await?;
    compare(&spec.domain_join_config, &facts)?;
    chain.holds(
        format!("domain controller {}", connection.server()),
        "the guard",
        format!("its directory is {} with SID {} and GUID {}", facts.dns_name, facts.sid, facts.guid),
        "the spec's Sid, Guid, DnsName, DnsTreeName and NetBiosName, which all agree",
    );
    Ok(())
}

fn compare(spec: &DomainJoinConfig, directory: &DomainFacts) -> Result<(), Cause> {
    let same = |field: &'static str, equal: bool, spec: &dyn ToString, directory: &dyn ToString| match equal {
        true => Ok(()),
        false => Err(Cause::WrongDomain { field, spec: spec.to_string(), directory: directory.to_string() }),
    };
    same("DnsName", spec.dns_name == directory.dns_name, &spec.dns_name, &directory.dns_name)?;
    same("Sid", spec.sid == directory.sid, &spec.sid, &directory.sid)?;
    same("Guid", spec.guid == directory.guid, &spec.guid, &directory.guid)?;
    same("DnsTreeName", spec.dns_tree_name == directory.dns_tree_name, &spec.dns_tree_name, &directory.dns_tree_name)?;
    same("NetBiosName", spec.net_bios_name == directory.net_bios_name, &spec.net_bios_name, &directory.net_bios_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> DomainFacts {
        DomainFacts {
            sid: "S-1-5-21-1-2-3".parse().unwrap(),
            guid: "56d9b66c-d746-4f87-bd26-26760cfdca2e".parse().unwrap(),
            dns_name: "contoso.com".parse().unwrap(),
            dns_tree_name: "contoso.com".parse().unwrap(),
            net_bios_name: "CONTOSO".parse().unwrap(),
        }
    }

    #[test]
    fn each_identifier_of_the_domain_must_agree() {
        let spec = CredentialSpec::generate(&facts(), &["webapp01".parse().unwrap()], None).unwrap().domain_join_config;
        compare(&spec, &facts()).unwrap();
        type Change = (&'static str, fn(&mut DomainFacts));
        let changes: [Change; 5] = [
            ("Sid", |f| f.sid = "S-1-5-21-1-2-4".parse().unwrap()),
            ("Guid", |f| f.guid = "56d9b66c-d746-4f87-bd26-26760cfdca2f".parse().unwrap()),
            ("DnsName", |f| f.dns_name = "contoso.org".parse().unwrap()),
            ("DnsTreeName", |f| f.dns_tree_name = "fabrikam.com".parse().unwrap()),
            ("NetBiosName", |f| f.net_bios_name = "CONTOSO2".parse().unwrap()),
        ];
        for (name, change) in changes {
            let mut other = facts();
            change(&mut other);
            assert!(matches!(compare(&spec, &other), Err(Cause::WrongDomain { field, .. }) if field == name), "{name}");
        }
    }
}
