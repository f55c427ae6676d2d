//! Who may see a function, and where it stands.

use larder::cached;

use crate::support::{Runs, make_room};

mod rooms {
    pub(super) mod inner {
        use crate::support::Runs;

        pub(in crate::visibility) static RUNS: Runs = Runs::new();

        #[larder::cached]
        pub(in crate::visibility) async fn in_a_path(n: u32) -> u32 {
            RUNS.count();
            private(n).await + 1
        }

        #[larder::cached]
        pub(in super::super) async fn in_a_relative_path(n: u32) -> u32 {
            RUNS.count();
            in_itself(n).await + 2
        }

        #[larder::cached]
        pub(self) async fn in_itself(n: u32) -> u32 {
            RUNS.count();
            n * 2
        }

        #[larder::cached]
        async fn private(n: u32) -> u32 {
            RUNS.count();
            n * 3
        }
    }

    pub(super) use inner::in_a_path as renamed;
}

#[tokio::test]
async fn every_visibility() {
    use rooms::inner::{self, in_a_path, in_a_relative_path};
    make_room();

    for _ in 0..2 {
        assert_eq!(in_a_path(1).await, 4);
        assert_eq!(in_a_relative_path(1).await, 4);
        assert_eq!(in_a_relative_path(2).await, 6);
        assert_eq!(rooms::renamed(1).await, 4);
        assert_eq!(rooms::renamed(2).await, 7);
    }
    assert_eq!(inner::RUNS.total(), 8);
}

#[tokio::test]
async fn a_function_in_a_module_in_a_function() {
    mod local {
        use crate::support::Runs;

        pub(super) static RUNS: Runs = Runs::new();

        #[larder::cached]
        pub(super) async fn doubled(n: u32) -> u32 {
            RUNS.count();
            n * 2
        }
    }
    make_room();

    assert_eq!(local::doubled(1).await, 2);
    assert_eq!(local::doubled(1).await, 2);
    assert_eq!(local::RUNS.total(), 1);
    assert_eq!(local::doubled(2).await, 4);
    assert_eq!(local::RUNS.total(), 2);
}

static IN_A_CONST: Runs = Runs::new();

trait Tripled {
    async fn tripled(&self) -> u32;
}

const _: () = {
    #[cached]
    async fn times(n: u32, by: u32) -> u32 {
        IN_A_CONST.count();
        n * by
    }

    impl Tripled for u32 {
        async fn tripled(&self) -> u32 {
            times(*self, 3).await
        }
    }
};

#[tokio::test]
async fn a_function_in_a_constant_without_a_name() {
    make_room();

    assert_eq!(1.tripled().await, 3);
    assert_eq!(1.tripled().await, 3);
    assert_eq!(IN_A_CONST.total(), 1);
    assert_eq!(2.tripled().await, 6);
    assert_eq!(IN_A_CONST.total(), 2);
}

#[tokio::test]
async fn a_function_in_an_impl_in_a_function() {
    static RUNS: Runs = Runs::new();
    struct Shop;

    impl Shop {
        #[cached]
        pub(crate) async fn price(article: u32) -> u32 {
            RUNS.count();
            article * 10
        }
    }
    make_room();

    assert_eq!(Shop::price(1).await, 10);
    assert_eq!(Shop::price(1).await, 10);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(Shop::price(2).await, 20);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_function_as_a_value() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn doubled(n: u32) -> u32 {
        RUNS.count();
        n * 2
    }
    async fn applied<F: AsyncFn(u32) -> u32>(function: F, n: u32) -> u32 {
        function(n).await
    }
    make_room();

    assert_eq!(applied(doubled, 1).await, 2);
    let function = doubled;
    assert_eq!(function(1).await, 2);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(applied(function, 2).await, 4);
    assert_eq!(RUNS.total(), 2);
}
