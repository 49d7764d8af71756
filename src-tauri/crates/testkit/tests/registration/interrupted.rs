//! Broken off after each call in turn: nothing is left behind, or what is left is named.

use entra::create::{Made, PLAN, Principal, Progress, Undone};
use entra::registration::NAME;
use practice::Fault;

use crate::rig::{MARKER, Mishap, Rig};

const CALLS: std::ops::RangeInclusive<usize> = 1..=PLAN.len();

#[tokio::test]
async fn stopped_after_any_call_it_is_removed_again_for_good() {
    for call in CALLS {
        let rig = Rig::start().await;
        rig.breaks(call, Mishap::StopAfter);
        let failed = rig.creates().await.unwrap_err();
        let Undone::Removed { made, for_good: true } = failed.undone else {
            panic!("call {call}: {failed:?}")
        };
        assert!(made.object.is_some() && made.client_id.is_some(), "call {call}: {made:?}");
        assert_eq!((rig.practice.registered(), rig.practice.deleted()), (0, 0), "call {call}");
        let told = rig.told();
        assert!(told.ends_with(&[Progress::Undoing, Progress::Deleted]), "call {call}: {told:?}");
    }
}

#[tokio::test]
async fn refused_at_any_call_it_is_removed_again() {
    for call in CALLS {
        let rig = Rig::start().await;
        rig.breaks(call, Mishap::Refused);
        let failed = rig.creates().await.unwrap_err();
        match failed.undone {
            Undone::Nothing => assert_eq!(call, 1),
            Undone::Removed { for_good, .. } => {
                assert!(call > 1 && for_good, "call {call}");
            }
            Undone::Left(left) => panic!("call {call} leaves {left:?}"),
        }
        assert_eq!(rig.practice.registered(), 0, "call {call}");
    }
}

#[tokio::test]
async fn what_may_not_be_deleted_for_good_is_told_as_what_can_be_restored() {
    let rig = Rig::start().await;
    rig.breaks(5, Mishap::RefusedAndNoPurges);
    let failed = rig.creates().await.unwrap_err();
    assert!(matches!(failed.undone, Undone::Removed { for_good: false, .. }), "{failed:?}");
    assert_eq!((rig.practice.registered(), rig.practice.deleted()), (0, 2));
}

#[tokio::test]
async fn what_is_found_late_among_the_deleted_items_is_waited_for() {
    let rig = Rig::start().await;
    rig.practice.set_fault(Fault::SlowDirectory, true);
    rig.breaks(1, Mishap::StopAfter);
    let failed = rig.creates().await.unwrap_err();
    assert!(matches!(failed.undone, Undone::Removed { for_good: true, .. }), "{failed:?}");
    assert_eq!((rig.practice.registered(), rig.practice.deleted()), (0, 0));
}

#[tokio::test]
async fn an_answer_that_gets_lost_is_asked_for_again_but_never_for_a_second_secret() {
    for call in CALLS {
        let rig = Rig::start().await;
        rig.breaks(call, Mishap::AnswerLost);
        match rig.creates().await {
            Ok(_) => {
                assert!(call < PLAN.len(), "the secret of call {call} was lost");
                assert_eq!(rig.practice.registered(), 1, "call {call} was not made twice");
            }
            Err(failed) => {
                assert_eq!(call, PLAN.len(), "{failed:?}");
                assert!(matches!(failed.undone, Undone::Removed { for_good: true, .. }), "{failed:?}");
                assert_eq!((rig.practice.registered(), rig.practice.deleted()), (0, 0));
            }
        }
    }
}

/// A second try is told 404; where no try is ever answered, a look tells it.
#[tokio::test]
async fn a_removal_whose_answer_gets_lost_is_looked_at_before_anything_is_said_to_be_left() {
    // To be refused as an owner stops nobody.
    for call in [2, 3, 5] {
        for times in [1, usize::MAX - PLAN.len()] {
            let rig = Rig::start().await;
            rig.breaks(call, Mishap::RefusedAndDeletesLost(times));
            let failed = rig.creates().await.unwrap_err();
            assert!(matches!(failed.undone, Undone::Removed { .. }), "call {call}, {times}: {failed:?}");
            assert_eq!(rig.practice.registered(), 0, "call {call}, {times}");
        }
    }
}

#[tokio::test]
async fn without_a_connection_what_is_left_is_named() {
    for call in CALLS {
        let rig = Rig::start().await;
        rig.breaks(call, Mishap::Gone);
        let failed = rig.creates().await.unwrap_err();
        let Undone::Left(Made { name, object, client_id, principal, marker }) = failed.undone else {
            panic!("call {call}: {failed:?}")
        };
        assert_eq!((name.as_str(), marker.as_str()), (NAME, MARKER));
        assert_eq!(matches!(principal, Principal::Known(_)), call > 3, "call {call}");
        // Of the first call nobody knows whether it was done.
        assert_eq!((object.is_some(), client_id.is_some()), (call > 1, call > 1), "call {call}");
        assert_eq!(rig.practice.registered(), usize::from(call > 1), "call {call}");
    }
}

#[tokio::test]
async fn a_call_that_has_to_wait_waits_as_long_as_it_is_told() {
    for call in CALLS {
        let rig = Rig::start().await;
        let owner = rig.signed_in("ada").await.unwrap();
        let before = rig.passed();
        rig.breaks(call, Mishap::Throttled);
        rig.creates_as(&owner).await.unwrap_or_else(|failed| panic!("call {call}: {failed:?}"));
        assert_eq!(rig.passed() - before, 7, "call {call}");
    }
}

#[tokio::test]
async fn stopped_before_the_first_call_nothing_is_made() {
    let rig = Rig::start().await;
    let owner = rig.signed_in("ada").await.unwrap();
    rig.stops();
    let failed = rig.creates_as(&owner).await.unwrap_err();
    assert_eq!(failed.undone, Undone::Nothing);
    assert_eq!((rig.calls(), rig.told().len()), (0, 0));
}
