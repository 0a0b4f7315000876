package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.process.Niceness;
import io.ffrtmp.governance.linux.process.ProcStat;
import io.ffrtmp.governance.linux.process.SpawnException;
import io.ffrtmp.governance.linux.process.Spawner;
import io.ffrtmp.governance.linux.process.Spawner.Spawned;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * One start: group, limits, process, in an order that leaves either nothing or a workload inside
 * its limits, at whichever instant we die.
 */
final class Start implements Spawner.Admission {
  /** Want of something, which a gate would want too. */
  private static final Set<String> SHORTAGES = Set.of("EAGAIN", "ENOMEM", "EMFILE", "ENFILE");

  /**
   * What clone3(2) says where this kernel, or a filter before it, lets nobody be born in a group.
   */
  private static final Set<String> NO_BIRTH =
      Set.of("EINVAL", "ENOSYS", "EPERM", "EOPNOTSUPP", "E2BIG");

  private final Workload workload;
  private final JobGroup group;
  private Mark mark;
  private final AtomicBoolean canBeBorn;
  private final List<LimitOutcome> outcomes = new ArrayList<>();

  /**
   * A start in a group that was just made.
   *
   * @param canBeBorn whether processes are born in their group here; cleared when that fails
   */
  Start(Workload workload, JobGroup group, Mark mark, AtomicBoolean canBeBorn) {
    this.workload = workload;
    this.group = group;
    this.mark = mark;
    this.canBeBorn = canBeBorn;
  }

  /** The mark as it stands on the group. */
  Mark mark() {
    return mark;
  }

  Receipt receipt() {
    return Receipt.of(outcomes);
  }

  /** The process, placed and limited, executing its first instruction. */
  Spawned spawn(Spawner.Prepared prepared) throws SpawnException {
    boolean direct = !group.exists() || canBeBorn.get(); // another start may clear it meanwhile
    if (direct || workload.limitsRequired()) {
      applyLimits(); // else while the gate's shell starts
    }
    return direct && weightUnmet().isEmpty() ? born(prepared) : prepared.spawnAtGate(this);
  }

  /** Writes and reads back the limits; the process is not in the group yet. */
  private void applyLimits() throws SpawnException {
    outcomes.addAll(group.limits().apply(workload.limits()));
    if (workload.limitsRequired()) {
      requireLimits();
    }
  }

  /** Without a gate, born in its group if it has one; at the gate after all if that fails. */
  private Spawned born(Spawner.Prepared prepared) throws SpawnException {
    OptionalInt birthplace = OptionalInt.empty();
    String refusal;
    try {
      birthplace = group.exists() ? OptionalInt.of(group.open()) : OptionalInt.empty();
      Spawned spawned = prepared.spawn(birthplace);
      markLeader(spawned.pid());
      return spawned;
    } catch (SpawnException e) {
      refusal = e.failure().errno().orElse("");
      boolean birthsFault = birthplace.isPresent() && e.failure().step() == Step.SPAWN;
      if (!birthsFault || SHORTAGES.contains(refusal)) {
        throw e;
      }
    } catch (ErrnoException e) {
      refusal = e.name();
      if (SHORTAGES.contains(refusal)) {
        throw SpawnException.of(Step.GROUP, e);
      }
    } finally {
      birthplace.ifPresent(Libc::close);
    }
    Spawned spawned = prepared.spawnAtGate(this);
    if (NO_BIRTH.contains(refusal)) {
      canBeBorn.set(false); // the gate could what birth could not
    }
    return spawned;
  }

  @Override
  public void admit(int pid, Pidfd pidfd) throws SpawnException {
    if (outcomes.isEmpty()) {
      applyLimits();
    }
    try {
      group.place(pid);
      if (group.exists() && !group.holds(pid) && !pidfd.ended()) {
        throw SpawnException.of(
            Fault.PLATFORM,
            Step.PLACE,
            "process " + pid + " was moved out of " + group + " by somebody else");
      }
    } catch (ErrnoException e) {
      if (!pidfd.ended()) { // else it was killed there, as by a tiny memory.max: its end tells
        notPlaced(pid, e);
      }
    }
    weightUnmet()
        .ifPresent(
            unmet -> {
              int weight = workload.limits().cpuWeight().orElseThrow();
              outcomes.set(outcomes.indexOf(unmet), Niceness.substitute(pid, weight, unmet));
            });
    markLeader(pid);
    if (workload.limitsRequired()) {
      requireLimits();
    }
  }

  /** So that whoever finds the group later knows whom to look for. */
  private void markLeader(int pid) {
    Optional<ProcStat> stat = group.exists() ? ProcStat.read(pid) : Optional.empty();
    if (stat.isPresent()) {
      mark = mark.leader(pid, stat.get().startTime()).unmet(outcomes);
      group.note(mark);
    }
  }

  private Optional<LimitOutcome> weightUnmet() {
    for (LimitOutcome each : outcomes) {
      if (each.limit() == Limit.CPU_WEIGHT && !each.status().inForce()) {
        return Optional.of(each);
      }
    }
    return Optional.empty();
  }

  /** The limits were written, but the process is not under all of them. */
  private void notPlaced(int pid, ErrnoException e) {
    outcomes.replaceAll(each -> deniedUnlessHeld(each, group, pid, Optional.of(e)));
  }

  /** The outcome, if the process is where that limit holds; else denied, by that refusal. */
  static LimitOutcome deniedUnlessHeld(
      LimitOutcome outcome, JobGroup group, int pid, Optional<ErrnoException> refusal) {
    if (!outcome.status().inForce() || group.holds(pid, outcome.limit())) {
      return outcome;
    }
    String cure = "the process could not be placed where that limit is";
    LimitOutcome denied = outcome.status(Status.DENIED).with(Detail.FILE, group + "/cgroup.procs");
    return refusal
        .map(e -> denied.with(Detail.ERRNO, e.name()))
        .orElse(denied)
        .with(Detail.CURE, refusal.map(e -> cure + ": " + e.getMessage()).orElse(cure));
  }

  private void requireLimits() throws SpawnException {
    Optional<LimitOutcome> unmet =
        outcomes.stream().filter(each -> !each.status().inForce()).findFirst();
    if (unmet.isPresent()) {
      String message = "a required limit can't be had: " + told(unmet.get());
      throw new SpawnException(
          StartFailure.of(Fault.PLATFORM, Step.LIMITS, unmet.get().errno(), message));
    }
  }

  static String told(LimitOutcome unmet) {
    Stream<Optional<String>> where =
        Stream.of(unmet.errno(), unmet.get(Detail.FILE).map(file -> "file " + file));
    return unmet.limit().wireName()
        + (" " + unmet.asked() + " is " + unmet.status().wireName())
        + where.flatMap(Optional::stream).collect(Collectors.joining(", ", " (", ")"))
        + unmet.cure().map(cure -> "; " + cure).orElse("");
  }
}
