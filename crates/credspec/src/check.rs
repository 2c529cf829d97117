//! From a tree to a credential spec, collecting everything that is wrong on the way.

use std::fmt::Display;
use std::str::FromStr;

use dtyp::{Guid, Sid};
use serde::{Deserialize, Deserializer};

use crate::tree::{self, Node};
use crate::{
    ActiveDirectoryConfig, BadInput, BadName, CredentialSpec, DomainJoinConfig, ECS_CLSID, GroupManagedServiceAccount,
    HostAccountConfig, KnownPlugin, PluginInput, Problem, Severity, SpecError,
};

/// A gMSA is listed once for each name of its domain; a spec for more accounts than this is a mistake.
const MOST_ACCOUNTS: usize = 256;

/// What is known of a document after reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    spec: Option<CredentialSpec>,
    /// What is wrong, in the document's order; warnings too.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether the spec can be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.spec.is_some() && !self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    /// The spec.
    ///
    /// # Errors
    /// [`SpecError::Invalid`] with the errors, without the warnings.
    pub fn into_spec(self) -> Result<CredentialSpec, SpecError> {
        match self.spec {
            Some(spec) if !self.problems.iter().any(|p| p.severity == Severity::Error) => Ok(spec),
            _ => Err(SpecError::Invalid(self.problems.into_iter().filter(|p| p.severity == Severity::Error).collect())),
        }
    }
}

/// Reads a document and says everything that is wrong with it.
///
/// # Errors
/// When it is not JSON of a bounded size.
pub fn check(bytes: &[u8]) -> Result<Report, SpecError> {
    Ok(report(&tree::parse(bytes)?))
}

impl<'de> Deserialize<'de> for Report {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(report(&tree::deserialize(deserializer)?))
    }
}

fn report(document: &Node) -> Report {
    let mut checker = Checker::default();
    let spec = checker.spec(document);
    Report { spec, problems: checker.problems }
}

/// A place in the document: its path and the members that stand there.
struct Place<'n> {
    path: String,
    members: &'n [(String, Node)],
}

impl Place<'_> {
    fn of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

#[derive(Default)]
struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    fn error(&mut self, path: impl Into<String>, what: impl Display, fix: impl Display) {
        self.add(Severity::Error, path.into(), what, fix);
    }

    fn warning(&mut self, path: impl Into<String>, what: impl Display, fix: impl Display) {
        self.add(Severity::Warning, path.into(), what, fix);
    }

    fn add(&mut self, severity: Severity, path: String, what: impl Display, fix: impl Display) {
        self.problems.push(Problem { severity, path, what: what.to_string(), fix: fix.to_string() });
    }

    fn spec(&mut self, document: &Node) -> Option<CredentialSpec> {
        let top = self.object(document, String::new(), &["CmsPlugins", "DomainJoinConfig", "ActiveDirectoryConfig"])?;
        let cms_plugins = self.cms_plugins(&top);
        let domain = self.member(&top, "DomainJoinConfig").and_then(|node| self.domain(node));
        let accounts =
            self.member(&top, "ActiveDirectoryConfig").and_then(|node| self.active_directory(node, domain.as_ref()));
        Some(CredentialSpec {
            cms_plugins: cms_plugins?,
            domain_join_config: domain?,
            active_directory_config: accounts?,
        })
    }

    fn cms_plugins(&mut self, top: &Place<'_>) -> Option<Vec<String>> {
        let node = self.member(top, "CmsPlugins")?;
        let path = "CmsPlugins";
        let fix = "write [\"ActiveDirectory\"]";
        let Node::List(items) = node else {
            self.error(path, format_args!("it is {}, not a list", node.kind()), fix);
            return None;
        };
        let texts = items.iter().filter_map(|item| if let Node::Text(text) = item { Some(text.clone()) } else { None });
        let plugins: Vec<_> = texts.collect();
        if plugins.len() != items.len() || !plugins.iter().any(|p| p == CredentialSpec::ACTIVE_DIRECTORY) {
            self.error(path, "it does not hold the text \"ActiveDirectory\" and other texts only", fix);
            return None;
        }
        Some(plugins)
    }

    fn domain(&mut self, node: &Node) -> Option<DomainJoinConfig> {
        const KEYS: [&str; 6] = ["Sid", "MachineAccountName", "Guid", "DnsTreeName", "DnsName", "NetBiosName"];
        let place = self.object(node, "DomainJoinConfig".into(), &KEYS)?;
        let sid = self.text(&place, "Sid").and_then(|text| self.domain_sid(place.of("Sid"), text));
        let machine_account_name = self.name(&place, "MachineAccountName");
        let guid = self
            .text(&place, "Guid")
            .and_then(|text| self.guid(place.of("Guid"), text, "the objectGUID of the domain"));
        let dns_tree_name = self.name(&place, "DnsTreeName");
        let dns_name = self.name(&place, "DnsName");
        let net_bios_name = self.name(&place, "NetBiosName");
        Some(DomainJoinConfig {
            sid: sid?,
            machine_account_name: machine_account_name?,
            guid: guid?,
            dns_tree_name: dns_tree_name?,
            dns_name: dns_name?,
            net_bios_name: net_bios_name?,
        })
    }

    /// The SID of a domain is S-1-5-21 and three numbers; the commonest mistake is to give an account's.
    fn domain_sid(&mut self, path: String, text: &str) -> Option<Sid> {
        let Ok(sid) = text.parse::<Sid>() else {
            self.error(path, "it is not a SID", "write the SID of the domain, as (Get-ADDomain).DomainSID shows it");
            return None;
        };
        match (sid.authority(), sid.sub_authorities()) {
            (5, [21, _, _, _]) => Some(sid),
            (5, [21, _, _, _, rid]) => {
                self.error(
                    path,
                    "it is the SID of an account, not of the domain",
                    format_args!("leave the last part, -{rid}, away"),
                );
                None
            }
            _ => {
                self.error(
                    path,
                    "it is the SID of something else than a domain",
                    "write the SID of the domain, S-1-5-21-…",
                );
                None
            }
        }
    }

    fn guid(&mut self, path: String, text: &str, of: &str) -> Option<Guid> {
        match text.parse::<Guid>() {
            Ok(guid) if guid != Guid::NIL => Some(guid),
            _ => {
                self.error(
                    path,
                    "it is not a GUID",
                    format_args!("write {of}: 32 hexadecimal digits in groups of 8-4-4-4-12"),
                );
                None
            }
        }
    }

    fn active_directory(&mut self, node: &Node, domain: Option<&DomainJoinConfig>) -> Option<ActiveDirectoryConfig> {
        const KEYS: [&str; 2] = ["GroupManagedServiceAccounts", "HostAccountConfig"];
        let place = self.object(node, "ActiveDirectoryConfig".into(), &KEYS)?;
        let accounts = self.member(&place, KEYS[0]).and_then(|node| self.accounts(place.of(KEYS[0]), node));
        if let (Some(accounts), Some(domain)) = (&accounts, domain) {
            self.scopes(&place.of(KEYS[0]), accounts, domain);
        }
        let host = match place.members.iter().find(|(key, _)| key == KEYS[1]) {
            None | Some((_, Node::Null)) => Some(None),
            Some((_, node)) => self.host(place.of(KEYS[1]), node).map(Some),
        };
        Some(ActiveDirectoryConfig { group_managed_service_accounts: accounts?, host_account_config: host? })
    }

    fn accounts(&mut self, path: String, node: &Node) -> Option<Vec<GroupManagedServiceAccount>> {
        let Node::List(items) = node else {
            self.error(
                path,
                format_args!("it is {}, not a list", node.kind()),
                "write [{ \"Name\": …, \"Scope\": … }, …]",
            );
            return None;
        };
        if items.is_empty() || items.len() > MOST_ACCOUNTS {
            self.error(
                path,
                format_args!("it lists {} accounts", items.len()),
                format_args!("list between 1 and {MOST_ACCOUNTS}"),
            );
            return None;
        }
        let read: Vec<_> =
            items.iter().enumerate().map(|(i, item)| self.account(format!("{path}[{i}]"), item)).collect();
        read.into_iter().collect()
    }

    fn account(&mut self, path: String, node: &Node) -> Option<GroupManagedServiceAccount> {
        let place = self.object(node, path, &["Name", "Scope"])?;
        let name = self.name(&place, "Name");
        let scope = self.text(&place, "Scope").map(str::to_owned);
        let scope = scope.filter(|s| {
            let given = !s.is_empty() && s.len() <= 253;
            if !given {
                self.error(
                    place.of("Scope"),
                    "it names no domain",
                    "write the DNS name of the domain, and its NetBIOS name in a second entry",
                );
            }
            given
        });
        Some(GroupManagedServiceAccount { name: name?, scope: scope? })
    }

    /// The default account must be listed for this domain; each account better under both of its names.
    fn scopes(&mut self, path: &str, accounts: &[GroupManagedServiceAccount], domain: &DomainJoinConfig) {
        let default = &domain.machine_account_name;
        if !accounts.iter().any(|a| a.name == *default && domain.is_named(&a.scope)) {
            self.error(
                path,
                format_args!("the container's account {default} is not listed for {}", domain.dns_name),
                format_args!(
                    "add {{ \"Name\": \"{default}\", \"Scope\": \"{}\" }}, or correct MachineAccountName",
                    domain.dns_name
                ),
            );
        }
        for (i, account) in accounts.iter().enumerate() {
            let by_dns = accounts.iter().any(|a| a.name == account.name && domain.dns_name.is(&a.scope));
            if !by_dns && domain.net_bios_name.is(&account.scope) {
                self.warning(
                    format!("{path}[{i}].Scope"),
                    format_args!(
                        "{} is listed for the NetBIOS name only, so Windows falls back from Kerberos to NTLM",
                        account.name
                    ),
                    format_args!("add an entry with the scope {}", domain.dns_name),
                );
            }
        }
    }

    fn host(&mut self, path: String, node: &Node) -> Option<HostAccountConfig> {
        const KEYS: [&str; 3] = ["PortableCcgVersion", "PluginGUID", "PluginInput"];
        let place = self.object(node, path, &KEYS)?;
        let version = self.version(&place);
        let plugin = self.text(&place, KEYS[1]).and_then(|text| {
            let guid = self.guid(place.of(KEYS[1]), text, "the class of the plugin, in braces")?;
            if !text.starts_with('{') {
                self.warning(
                    place.of(KEYS[1]),
                    "it lacks its braces, and Windows does not call the plugin then",
                    format_args!("write {}", guid.braced()),
                );
            }
            Some(guid)
        });
        let input = self.plugin_input(&place, plugin);
        Some(HostAccountConfig { portable_ccg_version: version?, plugin_guid: plugin?, plugin_input: input? })
    }

    fn version(&mut self, place: &Place<'_>) -> Option<String> {
        let key = "PortableCcgVersion";
        match self.member(place, key)? {
            Node::Text(version) if version == HostAccountConfig::VERSION => Some(version.clone()),
            Node::Number(version) if version == HostAccountConfig::VERSION => {
                self.error(place.of(key), "it is a number", "write it as a text: \"1\"");
                None
            }
            _ => {
                self.error(place.of(key), "it is no version that is known", "write \"1\"");
                None
            }
        }
    }

    fn plugin_input(&mut self, place: &Place<'_>, plugin: Option<Guid>) -> Option<PluginInput> {
        let key = "PluginInput";
        let path = place.of(key);
        let text = match self.member(place, key)? {
            Node::Text(text) if !text.is_empty() && text.len() <= 4_096 => text,
            Node::Object(members) if plugin == Some(ECS_CLSID) => return self.credential_arn(path, members),
            Node::Object(_) => {
                self.error(
                    path,
                    "it is an object, which only Amazon ECS understands",
                    "write what the plugin expects as a text",
                );
                return None;
            }
            _ => {
                self.error(
                    path,
                    "it is not a text of 1 to 4096 bytes",
                    "write what the plugin expects, such as \"namespace:secret\" for CCGRKC",
                );
                return None;
            }
        };
        self.understood(path, plugin, PluginInput::new(text))
    }

    /// What a plugin that is known would say of it, it says now.
    fn understood(&mut self, path: String, plugin: Option<Guid>, input: PluginInput) -> Option<PluginInput> {
        if let Some(known) = plugin.and_then(KnownPlugin::of)
            && let Err(wrong) = known.describe(input.as_str())
        {
            self.error(path, wrong, format_args!("write {}", known.grammar()));
            return None;
        }
        Some(input)
    }

    /// What Amazon ECS writes.
    fn credential_arn(&mut self, path: String, members: &[(String, Node)]) -> Option<PluginInput> {
        match members {
            [(key, Node::Text(arn))] if key == "CredentialArn" => {
                self.understood(path, Some(ECS_CLSID), PluginInput::of_credential_arn(arn))
            }
            _ => {
                self.error(path, BadInput::ArnShape, format_args!("write {}", KnownPlugin::Ecs.grammar()));
                None
            }
        }
    }

    /// The members of an object, after saying which of them do not belong there.
    fn object<'n>(&mut self, node: &'n Node, path: String, keys: &[&str]) -> Option<Place<'n>> {
        let Node::Object(members) = node else {
            self.error(
                path,
                format_args!("it is {}, not an object", node.kind()),
                format_args!("write {{ \"{}\": … }}", keys.join("\": …, \"")),
            );
            return None;
        };
        let place = Place { path, members };
        for (i, (key, _)) in members.iter().enumerate() {
            let shown: String = key.chars().take(64).collect();
            if members.iter().take(i).any(|(earlier, _)| earlier == key) {
                self.error(
                    place.of(&shown),
                    "it stands there twice, and readers differ in which one counts",
                    "leave one of them",
                );
            } else if !keys.contains(&key.as_str()) && !keys.iter().any(|k| k.eq_ignore_ascii_case(key)) {
                self.warning(
                    place.of(&shown),
                    "nothing reads it",
                    format_args!("remove it; what can stand there is {}", keys.join(", ")),
                );
            }
        }
        Some(place)
    }

    /// A member that must be there.
    fn member<'n>(&mut self, place: &Place<'n>, key: &str) -> Option<&'n Node> {
        if let Some((_, node)) = place.members.iter().find(|(k, _)| k == key) {
            return Some(node);
        }
        match place.members.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)) {
            Some((found, _)) => {
                self.error(place.of(key), "it is missing", format_args!("{found} must be written {key}"))
            }
            None => self.error(place.of(key), "it is missing", "add it, or have the spec made by `pando credspec new`"),
        }
        None
    }

    fn text<'n>(&mut self, place: &Place<'n>, key: &str) -> Option<&'n str> {
        match self.member(place, key)? {
            Node::Text(text) => Some(text),
            other => {
                self.error(place.of(key), format_args!("it is {}, not a text", other.kind()), "put it in quotes");
                None
            }
        }
    }

    fn name<T: FromStr<Err = BadName>>(&mut self, place: &Place<'_>, key: &str) -> Option<T> {
        let text = self.text(place, key)?;
        text.parse()
            .map_err(|wrong: BadName| self.error(place.of(key), format_args!("it is not {}", wrong.kind), wrong.reason))
            .ok()
    }
}
