//! The sentences that Event Viewer shows. Numbers are those of Rancher's plugin and of Microsoft's for Azure Key Vault; where those tell a
//! cause from another, so do these. `%n` ends a line.

pub(crate) const RKC: &[(u32, &str)] = &[
    (101, "The plugin CCGRKC gave the Container Credential Guard this account:%n%n%1"),
    (201, "The plugin CCGRKC found something that should be put right:%n%n%1"),
    (
        301,
        "The plugin CCGRKC gave the Container Credential Guard no account, so a container does not get its gMSA:%n%n%1",
    ),
];

pub(crate) const AKV: &[(u32, &str)] = &[
    (1000, "The instance metadata service gave no access token for the managed identity:%n%n%1"),
    (1001, "The answer of the instance metadata service is not one:%n%n%1"),
    (1002, "The answer of the instance metadata service has no access token:%n%n%1"),
    (1003, "This machine does not have the managed identity that the credential spec names:%n%n%1"),
    (1004, "The answer of Azure Key Vault is not one:%n%n%1"),
    (1005, "The answer of Azure Key Vault has no secret's value:%n%n%1"),
    (1006, "The secret in Azure Key Vault is not an account, written as domain\\user:password :%n%n%1"),
    (1007, "Azure Key Vault does not let the managed identity read the secret:%n%n%1"),
    (1008, "Azure Key Vault gave no secret:%n%n%1"),
    (1009, "The instance metadata service could not be asked:%n%n%1"),
    (1010, "Azure Key Vault could not be asked:%n%n%1"),
    (1011, "The plugin CCGAKV gave the Container Credential Guard this account:%n%n%1"),
    (1012, "The plugin CCGAKV was called:%n%n%1"),
    (1013, "PluginInput of the credential spec has no usable ObjectId:%n%n%1"),
    (1014, "PluginInput of the credential spec has no SecretUri:%n%n%1"),
    (1015, "PluginInput of the credential spec has no usable SecretUri:%n%n%1"),
    (1016, "The plugin CCGAKV could not be called as it was:%n%n%1"),
    (1017, "Azure Key Vault is being asked:%n%n%1"),
    (1018, "SecretUri of the credential spec leads to no vault that access tokens may be sent to:%n%n%1"),
];
