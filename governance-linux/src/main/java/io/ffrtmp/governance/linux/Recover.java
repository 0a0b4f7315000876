package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.Recovery.Leftover;
import io.ffrtmp.governance.linux.GovernedJob.Beginning;
import io.ffrtmp.governance.linux.cgroup.Home;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Leftovers;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.cgroup.ProcessKey;
import io.ffrtmp.governance.linux.cgroup.Search.Found;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** One recovery: each group that was found is taken over, told, removed, or left with a reason. */
final class Recover {
  private final Set<String> ids;
  private final Conclude conclude;
  private final Observer observer;
  private final Linger linger;
  private final List<Job> jobs = new ArrayList<>();
  private final List<JobResult> ended = new ArrayList<>();
  private final List<Leftover> leftovers = new ArrayList<>();

  /**
   * A recovery.
   *
   * @param ids in use in this governor; those of jobs that are taken over are added
   */
  Recover(Set<String> ids, Conclude conclude, Observer observer, Linger linger) {
    this.ids = ids;
    this.conclude = conclude;
    this.observer = observer;
    this.linger = linger;
  }

  Recovery all(Home base, List<Found> found) {
    base.leftovers().remains().forEach(each -> ended.add(conclude.unwatched(each)));
    for (Found each : found) {
      String id = each.id();
      if (!each.refusal().isEmpty()) {
        leave(each, each.refusal());
      } else if (!ids.add(id)) {
        leaveUnlessOurs(each, each.mark().orElseThrow());
      } else {
        boolean taken = false;
        try {
          taken = recover(each, each.mark().orElseThrow());
        } finally {
          if (!taken) {
            ids.remove(id);
          }
        }
      }
    }
    return Recovery.of(jobs, ended, leftovers, List.of());
  }

  private void leaveUnlessOurs(Found found, Mark mark) {
    Optional<ProcessKey> owner = mark.liveOwner();
    if (!owner.equals(Optional.of(ProcessKey.self()))) {
      String here = "this governor has another job of its id: recover when that has ended";
      leave(found, owner.map(Recover::governs).orElse(here));
    }
  }

  private static String governs(ProcessKey owner) {
    return "process " + owner.pid() + " governs it: detach it there";
  }

  private void leave(Found found, String reason) {
    leftovers.add(new Leftover(found.directory(), reason));
  }

  /** Whether there is a job now that is watched. */
  private boolean recover(Found found, Mark mark) {
    Optional<ProcessKey> owner = mark.liveOwner();
    Optional<ProcessKey> leader = mark.leader();
    JobGroup group = found.home().group(found.id());
    boolean populated = group.populated();
    if (owner.isPresent()) {
      leave(found, governs(owner.get()));
    } else if (leader.filter(it -> !it.isInOurNamespace()).isPresent()) {
      boolean thisBoot = leader.filter(ProcessKey::alive).isPresent();
      String elsewhere = "its leader lives in another pid namespace: recover there";
      leave(found, thisBoot ? elsewhere : "its mark is of another boot: look at it by hand");
    } else if (leader.isEmpty() && populated) {
      String whose = "processes live in it whose job has ended, or never came to be";
      leave(found, whose + ": end them, or put them back by hand (docs/attach.md)");
    } else if (leader.isEmpty() || (halfAttached(mark) && !populated)) {
      if (!group.discard(true)) {
        leave(
            found,
            "it is empty, and could not be removed: recover what lies beneath it, or try again");
      }
    } else {
      Leftovers.Claim claim = found.home().leftovers().claim(found.id());
      Optional<ProcessKey> claimed = claim.mark().flatMap(Mark::leader);
      if (claim.mark().isEmpty()) {
        leave(found, claim.refusal());
      } else if (claimed.isEmpty()) { // meanwhile another recovery told its end
        linger.keep(group, claim.mark().get().disowned());
      } else {
        return take(found, claim.mark().get(), claimed.get(), group);
      }
    }
    return false;
  }

  /** It died before it moved the process, or after it put it back, and that lives. */
  private static boolean halfAttached(Mark mark) {
    return mark.halfAttached() && mark.leader().filter(ProcessKey::alive).isPresent();
  }

  private boolean take(Found found, Mark mark, ProcessKey leader, JobGroup group) {
    Optional<Pidfd> pidfd = Optional.empty();
    try {
      pidfd = leader.alive() ? Optional.of(Pidfd.open(leader.pid())) : Optional.empty();
      if (pidfd.isPresent() && leader.alive() && !leader.isSeen()) {
        pidfd.get().close();
        group.note(mark.disowned());
        leave(found, "its process " + leader.pid() + " is hidden from us (hidepid, proc(5))");
        return false;
      }
      if (pidfd.isPresent() && leader.isSeen()) { // still, so the descriptor is its own
        watch(mark, leader, group, pidfd.get());
        return true;
      }
    } catch (ErrnoException e) {
      if (leader.alive()) {
        group.note(mark.disowned());
        leave(found, "it can't be watched: " + e.getMessage());
        pidfd.ifPresent(Pidfd::close);
        return false;
      }
    }
    pidfd.ifPresent(Pidfd::close);
    tell(found, mark, group);
    return false;
  }

  private void tell(Found found, Mark mark, JobGroup group) {
    try {
      ended.add(conclude.unwatched(group.remains(mark)));
      linger.keep(group, mark.disowned().ended());
    } catch (ErrnoException e) {
      group.note(mark.disowned());
      leave(found, "its end can't be told: " + e.getMessage());
    }
  }

  private void watch(Mark mark, ProcessKey leader, JobGroup group, Pidfd pidfd)
      throws ErrnoException {
    OptionalLong pid = OptionalLong.of(leader.pid());
    JobStart start = JobStart.of(mark.id(), pid, mark.mode(), mark.intent(), Instant.now());
    Receipt verified = group.limits().verify(mark);
    Receipt receipt = mark.moved().map(group::barred).map(verified::moved).orElse(verified);
    Beginning beginning =
        new Beginning(start, System.nanoTime(), group, mark, receipt, Optional.of(pidfd), observer);
    GovernedJob job =
        mark.mode() == Mode.RUN
            ? new LinuxStartedJob(beginning, false, List.of())
            : new LinuxAttachedJob(beginning);
    observer.watch(job);
    jobs.add((Job) job);
  }
}
