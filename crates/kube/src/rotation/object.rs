//! A Secret as the API server has it, with the passwords in it: they are in memory for as long as it is needed, whatever becomes of it.

use std::ops::{Deref, DerefMut};

use k8s_openapi::api::core::v1;
use zeroize::Zeroize;

/// Wiped when it is dropped.
pub(crate) struct Object(v1::Secret);

impl From<v1::Secret> for Object {
    fn from(secret: v1::Secret) -> Self {
        Self(secret)
    }
}

impl Deref for Object {
    type Target = v1::Secret;

    fn deref(&self) -> &v1::Secret {
        &self.0
    }
}

impl DerefMut for Object {
    fn deref_mut(&mut self) -> &mut v1::Secret {
        &mut self.0
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// `kubectl apply` notes what it has applied, passwords and all, in an annotation.
fn wipe(secret: &mut v1::Secret) {
    secret.data.iter_mut().flat_map(|all| all.values_mut()).for_each(|value| value.0.zeroize());
    let annotations = secret.metadata.annotations.iter_mut();
    annotations.chain(&mut secret.string_data).flat_map(|all| all.values_mut()).for_each(Zeroize::zeroize);
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[test]
    fn nothing_of_a_secret_is_left() {
        let mut object = Object::from(v1::Secret::default());
        object.data = Some([("password".to_owned(), ByteString(b"Typed-by-somebody-1".to_vec()))].into());
        let text = || Some([("password".to_owned(), "Typed-by-somebody-1".to_owned())].into());
        (object.string_data, object.metadata.annotations) = (text(), text());
        wipe(&mut object);
        assert!(object.data.iter().flatten().all(|(_, value)| value.0.is_empty()));
        let texts = object.string_data.iter().chain(&object.metadata.annotations);
        assert!(texts.flatten().all(|(_, text)| text.is_empty()));
    }
}
