//! The plugins whose input is understood here: their names, their classes, their grammars.

use dtyp::Guid;

use crate::aws::{AWS_CLSID, AwsInput, ECS_CLSID};
use crate::plugin_input::{AKV_CLSID, BadInput, RKC_CLSID, RkcInput};
use crate::store_input::{FILE_CLSID, FileInput, VAULT_CLSID, VaultInput};
use crate::{AkvInput, PluginInput};

/// A plugin that can be called by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownPlugin {
    /// Rancher Kubernetes clusters.
    Rkc,
    /// Azure Key Vault.
    Akv,
    /// AWS Secrets Manager.
    Aws,
    /// The same as Amazon ECS names it.
    Ecs,
    /// HashiCorp Vault and OpenBao.
    Vault,
    /// A folder of secrets.
    File,
}

impl KnownPlugin {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Rkc, Self::Akv, Self::Aws, Self::Ecs, Self::Vault, Self::File];

    /// The one of this class.
    #[must_use]
    pub fn of(clsid: Guid) -> Option<Self> {
        Self::ALL.into_iter().find(|plugin| plugin.clsid() == clsid)
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plugin| plugin.name() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rkc => "rkc",
            Self::Akv => "akv",
            Self::Aws => "aws",
            Self::Ecs => "ecs",
            Self::Vault => "vault",
            Self::File => "file",
        }
    }

    /// Its class.
    #[must_use]
    pub const fn clsid(self) -> Guid {
        match self {
            Self::Rkc => RKC_CLSID,
            Self::Akv => AKV_CLSID,
            Self::Aws => AWS_CLSID,
            Self::Ecs => ECS_CLSID,
            Self::Vault => VAULT_CLSID,
            Self::File => FILE_CLSID,
        }
    }

    /// How its input is written.
    #[must_use]
    pub const fn grammar(self) -> &'static str {
        match self {
            Self::Rkc => r#""namespace:secret""#,
            Self::Akv => r#""ObjectId=<guid>;SecretUri=https://<vault>/secrets/<name>""#,
            Self::Aws => r#""arn:aws:secretsmanager:<region>:<account>:secret:<name>""#,
            Self::Ecs => r#"{"CredentialArn": "arn:aws:secretsmanager:<region>:<account>:secret:<name>"}"#,
            Self::Vault => r#""<mount>:<path>", such as "secret:ccg/webapp01""#,
            Self::File => r#"the secret's name, such as "webapp01""#,
        }
    }

    /// What the plugin will understand by its input, in words.
    ///
    /// # Errors
    /// What the plugin would say.
    pub fn describe(self, input: &str) -> Result<String, BadInput> {
        Ok(match self {
            Self::Rkc => {
                let RkcInput { namespace, secret } = input.parse()?;
                format!("the secret {secret} of the namespace {namespace}")
            }
            Self::Akv => input.parse::<AkvInput>().map(|known| known.to_string())?,
            Self::Aws | Self::Ecs => format!("the secret {}", input.parse::<AwsInput>()?.secret),
            Self::Vault => input.parse::<VaultInput>().map(|known| known.to_string())?,
            Self::File => format!("the secret {}", input.parse::<FileInput>()?),
        })
    }

    /// The input as it stands in a credential spec.
    ///
    /// # Errors
    /// What the plugin would say.
    pub fn input(self, text: &str) -> Result<PluginInput, BadInput> {
        if self == Self::Ecs {
            return Ok(PluginInput::of_credential_arn(text.parse::<AwsInput>()?.secret.as_str()));
        }
        self.describe(text).map(|_| PluginInput::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_a_class_of_its_own() {
        for plugin in KnownPlugin::ALL {
            assert_eq!(KnownPlugin::named(plugin.name()), Some(plugin));
            assert_eq!(KnownPlugin::of(plugin.clsid()), Some(plugin));
        }
        assert_eq!(KnownPlugin::named("RKC"), None);
        assert_eq!(KnownPlugin::of(Guid::NIL), None);
    }

    #[test]
    fn each_says_what_it_understands_and_refuses_the_rest() {
        const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:reader";
        for (plugin, input, understood) in [
            (KnownPlugin::Rkc, "gmsa:reader", "the secret reader of the namespace gmsa"),
            (
                KnownPlugin::Akv,
                "ObjectId=00112233-4455-6677-8899-aabbccddeeff;SecretUri=https://a.vault.azure.net/secrets/b",
                "https://a.vault.azure.net/secrets/b",
            ),
            (KnownPlugin::Aws, ARN, ARN),
            (KnownPlugin::Ecs, ARN, ARN),
            (KnownPlugin::Vault, "secret:ccg/webapp01", "secret:ccg/webapp01"),
            (KnownPlugin::File, "webapp01", "the secret webapp01"),
        ] {
            let words = plugin.describe(input).unwrap();
            assert!(words.contains(understood), "{words}");
            let written = plugin.input(input).unwrap();
            assert_eq!(plugin.describe(written.as_str()).unwrap(), words);
            assert_eq!(written.is_object(), plugin == KnownPlugin::Ecs);
            assert!(plugin.describe("a/../b c:d:e").is_err() && plugin.input("").is_err());
        }
    }
}
