//! Making a credential spec from what a domain says about itself.

use dtyp::{Guid, Sid};

use crate::{
    AccountName, ActiveDirectoryConfig, CredentialSpec, DnsName, DomainJoinConfig, GroupManagedServiceAccount,
    HostAccountConfig, NetBiosName, SpecError,
};

/// What a credential spec says about the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainFacts {
    /// Its SID.
    pub sid: Sid,
    /// Its objectGUID.
    pub guid: Guid,
    /// Its DNS name.
    pub dns_name: DnsName,
    /// The DNS name of the forest's root.
    pub dns_tree_name: DnsName,
    /// Its NetBIOS name.
    pub net_bios_name: NetBiosName,
}

impl CredentialSpec {
    /// The spec for these gMSAs of one domain; the first is what the container is by default. Each is listed under both names of the
    /// domain: with the NetBIOS name alone, Windows falls back from Kerberos to NTLM.
    ///
    /// # Errors
    /// [`SpecError::NoAccount`].
    pub fn generate(
        domain: &DomainFacts,
        accounts: &[AccountName],
        host_account_config: Option<HostAccountConfig>,
    ) -> Result<Self, SpecError> {
        let default = accounts.first().ok_or(SpecError::NoAccount)?;
        let scopes = [domain.dns_name.as_str(), domain.net_bios_name.as_str()];
        let mut listed: Vec<GroupManagedServiceAccount> = Vec::new();
        for name in accounts {
            if listed.iter().any(|a| a.name == *name) {
                continue;
            }
            listed
                .extend(scopes.map(|scope| GroupManagedServiceAccount { name: name.clone(), scope: scope.to_owned() }));
        }
        Ok(Self {
            cms_plugins: vec![Self::ACTIVE_DIRECTORY.to_owned()],
            domain_join_config: DomainJoinConfig {
                sid: domain.sid,
                machine_account_name: default.clone(),
                guid: domain.guid,
                dns_tree_name: domain.dns_tree_name.clone(),
                dns_name: domain.dns_name.clone(),
                net_bios_name: domain.net_bios_name.clone(),
            },
            active_directory_config: ActiveDirectoryConfig {
                group_managed_service_accounts: listed,
                host_account_config,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RkcInput, check};

    fn facts() -> DomainFacts {
        DomainFacts {
            sid: "S-1-5-21-702590844-1001920913-2680819671".parse().unwrap(),
            guid: "56d9b66c-d746-4f87-bd26-26760cfdca2e".parse().unwrap(),
            dns_name: "contoso.com".parse().unwrap(),
            dns_tree_name: "contoso.com".parse().unwrap(),
            net_bios_name: "CONTOSO".parse().unwrap(),
        }
    }

    #[test]
    fn the_text_is_laid_out_as_new_credentialspec_does() {
        let plugin = HostAccountConfig::rkc(&"gmsa:ccg-reader".parse::<RkcInput>().unwrap());
        let spec = CredentialSpec::generate(&facts(), &["webapp01".parse().unwrap()], Some(plugin)).unwrap();
        let expected = r#"{
  "CmsPlugins": [
    "ActiveDirectory"
  ],
  "DomainJoinConfig": {
    "Sid": "S-1-5-21-702590844-1001920913-2680819671",
    "MachineAccountName": "webapp01",
    "Guid": "56d9b66c-d746-4f87-bd26-26760cfdca2e",
    "DnsTreeName": "contoso.com",
    "DnsName": "contoso.com",
    "NetBiosName": "CONTOSO"
  },
  "ActiveDirectoryConfig": {
    "GroupManagedServiceAccounts": [
      {
        "Name": "webapp01",
        "Scope": "contoso.com"
      },
      {
        "Name": "webapp01",
        "Scope": "CONTOSO"
      }
    ],
    "HostAccountConfig": {
      "PortableCcgVersion": "1",
      "PluginGUID": "{E4781092-F116-4B79-B55E-28EB6A224E26}",
      "PluginInput": "gmsa:ccg-reader"
    }
  }
}
"#;
        assert_eq!(spec.to_json(), expected);
    }

    #[test]
    fn what_is_generated_is_read_back_without_a_warning() {
        for plugin in [None, Some(HostAccountConfig::rkc(&"a:b".parse().unwrap()))] {
            let accounts = ["webapp01".parse().unwrap(), "webapp02".parse().unwrap(), "WEBAPP01".parse().unwrap()];
            let spec = CredentialSpec::generate(&facts(), &accounts, plugin).unwrap();
            assert_eq!(spec.accounts().len(), 2);
            let report = check(spec.to_json().as_bytes()).unwrap();
            assert_eq!(report.problems, vec![]);
            assert_eq!(report.into_spec().unwrap(), spec);
            assert_eq!(serde_json::from_str::<CredentialSpec>(&spec.to_json()).unwrap(), spec);
        }
    }

    #[test]
    fn a_spec_for_nobody_is_not_made() {
        assert_eq!(CredentialSpec::generate(&facts(), &[], None), Err(SpecError::NoAccount));
    }
}
