//! The Group Key Distribution Service: the key tree, the gMSA password, its blob and the key envelope.
