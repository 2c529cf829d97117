//! CCGAKVPlugin.dll.
#![allow(non_snake_case, reason = "the file's name is what credential specs' hosts know")]
