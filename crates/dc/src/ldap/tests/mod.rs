mod binds;
mod layers;
mod protocol;
mod searches;
mod updates;
