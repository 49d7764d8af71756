//! Pages built anew are built in anew.

fn main() {
    println!("cargo::rerun-if-changed=../../../ui/dist");
}
