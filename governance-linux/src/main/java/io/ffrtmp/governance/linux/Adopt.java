package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.GovernanceException;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.linux.cgroup.Base;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.Hierarchies;
import io.ffrtmp.governance.linux.cgroup.Home;
import io.ffrtmp.governance.linux.cgroup.IdInUseException;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.cgroup.ProcessKey;
import io.ffrtmp.governance.linux.cgroup.Residence;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.process.ProcStat;
import io.ffrtmp.governance.linux.process.ProcStatus;
import io.ffrtmp.governance.linux.process.ProcessTree;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Attaching: identity first, then a group inside where the process lives, the move, its proof, the
 * limits. Whatever fails on the way, everything is put back.
 */
final class Adopt {
  private static final Logger LOG = LoggerFactory.getLogger(Adopt.class);
  private static final Set<Integer> SHORTAGES = Set.of(Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM);

  /** A process that was attached to, in its group, or observed only. */
  record Adopted(Pidfd pidfd, JobGroup group, Mark mark, Receipt receipt) {}

  private final CgroupFiles files;
  private final Hierarchies hierarchies;
  private final Base base;
  private final Linger linger;

  Adopt(CgroupFiles files, Hierarchies hierarchies, Base base, Linger linger) {
    this.files = files;
    this.hierarchies = hierarchies;
    this.base = base;
    this.linger = linger;
  }

  /**
   * Attaches.
   *
   * @throws AttachRefusedException if it can't be; it tells what could not be put back
   * @throws IdInUseException if a group of this id is there; nothing was touched
   */
  Adopted attach(Attachment asked, String id) throws IdInUseException {
    int pid = (int) asked.pid();
    Pidfd pidfd = open(pid);
    boolean adopted = false;
    try {
      Adopted all = attach(asked, id, check(pid, pidfd), pidfd);
      adopted = true;
      return all;
    } catch (ErrnoException e) {
      boolean cgroup = e.errno() == Errno.ENOENT && !pidfd.ended(); // where it lived is gone
      throw cgroup ? movedAway(pid) : refused(pid, e);
    } finally {
      if (!adopted) {
        pidfd.close();
      }
    }
  }

  private static Pidfd open(int pid) {
    try {
      return Pidfd.open(pid);
    } catch (ErrnoException e) {
      boolean thread = ProcStatus.read(pid).filter(it -> it.leader() != pid).isPresent();
      throw thread ? thread(pid) : refused(pid, e);
    }
  }

  private static AttachRefusedException thread(int id) {
    int leader = ProcStatus.read(id).map(ProcStatus::leader).orElse(id);
    return new AttachRefusedException(
        Reason.THREAD, id + " is a thread of process " + leader + ": attach to that");
  }

  /** Undoes an attachment that can't be watched. */
  void undo(Adopted adopted) {
    putBack(adopted.group(), adopted.mark());
    adopted.pidfd().close();
  }

  static AttachRefusedException refused(int pid, ErrnoException e) {
    if (SHORTAGES.contains(e.errno())) {
      return new AttachRefusedException(
          Reason.NO_DESCRIPTOR,
          "process "
              + pid
              + " can't be watched, "
              + e.getMessage()
              + ": raise the limit (ulimit"
              + " -n, LimitNOFILE=)");
    } else if (e.errno() == Errno.ESRCH || e.errno() == Errno.ENOENT) {
      return new AttachRefusedException(
          Reason.NO_SUCH_PROCESS, "there is no process " + pid + " in this pid namespace");
    }
    throw new GovernanceException("process " + pid + ": " + e.getMessage(), e);
  }

  /** What it is, by its pidfd and then its number, which is its own as long as it has not ended. */
  private ProcStat check(int pid, Pidfd pidfd) throws ErrnoException {
    String text = files.read("/proc/" + pid + "/stat"); // throws EMFILE: then it has not ended
    ProcStat stat = ProcStat.parse(text).orElseThrow(() -> ended(pid));
    ProcStatus status = ProcStatus.read(pid).orElseThrow(() -> ended(pid));
    if (ProcessTree.isAncestorOfOurs(pid, stat.startTime())) {
      throw new AttachRefusedException(
          Reason.OURSELVES, "process " + pid + " is this JVM, or one that it descends from");
    } else if (stat.kernelThread()) {
      throw new AttachRefusedException(
          Reason.KERNEL_THREAD, "process " + pid + " is the kernel's thread " + stat.comm());
    } else if (status.leader() != pid) {
      throw thread(pid);
    } else if (status.depth() > 1 && status.depth() > ownDepth()) {
      throw new AttachRefusedException(
          Reason.OTHER_NAMESPACE,
          "process " + pid + " lives in another pid namespace: attach from within that");
    } else if (pidfd.ended()) {
      throw ended(pid);
    }
    return stat;
  }

  private static int ownDepth() {
    return ProcStatus.read((int) ProcessHandle.current().pid()).map(ProcStatus::depth).orElse(1);
  }

  private static AttachRefusedException ended(int pid) {
    return new AttachRefusedException(Reason.ENDED, "process " + pid + " has ended");
  }

  private Adopted attach(Attachment asked, String id, ProcStat stat, Pidfd pidfd)
      throws ErrnoException, IdInUseException {
    int pid = (int) asked.pid();
    Residence residence = Residence.of(files, hierarchies, pid);
    refuseIfGoverned(pid, residence);
    Optional<String> unmovable = stat.threads() > 1 ? residence.unmovable(pid) : Optional.empty();
    if (unmovable.isPresent()) {
      throw new AttachRefusedException(
          Reason.THREADS_SPREAD, "process " + pid + " can't be moved: " + unmovable.get());
    }
    Supplier<Set<Integer>> tree = () -> ProcessTree.of(pid);
    refuseIfInUse(asked.limits().memoryMaxBytes(), tree, pid);
    Home home = asked.leaveUnit() ? base.home() : residence.home(base.home(), tree);
    Mark mark = Mark.of(id, Mode.ATTACH, asked.intent(), asked.limits());
    mark = home.placed(mark.leader(pid, stat.startTime()));
    mark = asked.leaveUnit() ? residence.left(mark) : mark;
    JobGroup group = create(home, id, mark);
    boolean done = false;
    try {
      Move move = new Move(group, residence);
      try {
        moveLeader(pid, home, group, residence, move);
      } catch (ErrnoException e) {
        move.refused(pid, e);
        group = observeOnly(pid, home, group, mark, e);
      }
      if (pidfd.ended()) {
        move.tookStrangerBack(pid, stat);
        throw ended(pid);
      }
      if (group.exists() && !group.holds(pid)) {
        throw movedAway(pid);
      }
      move.descendants(group.exists() ? tree.get() : Set.of(), tree);
      List<LimitOutcome> limits = limits(asked, group, pid, move);
      Moved moved = group.barred(move.moved());
      mark = mark.moved(moved);
      Receipt receipt = Receipt.of(limits).moved(moved);
      if (asked.limitsRequired()) {
        requireLimits(pid, receipt);
      }
      mark = mark.unmet(receipt.limits());
      group.mark(mark);
      if (!group.exists()) {
        moved.notMoved().forEach(it -> LOG.warn("job {} is only observed: {}", id, it.reason()));
      }
      done = true;
      return new Adopted(pidfd, group, mark, receipt);
    } catch (AttachRefusedException e) {
      done = true;
      throw told(e, putBack(group, mark));
    } finally {
      if (!done) {
        putBack(group, mark);
      }
    }
  }

  /** While no other governor does so: else the second would take it from the first. */
  @SuppressWarnings("try") // the lock is held, not used
  private void moveLeader(int pid, Home home, JobGroup group, Residence residence, Move move)
      throws ErrnoException {
    if (!group.exists()) {
      move.leader(pid);
      return;
    }
    try (CgroupFiles.Lock held = home.lock()) {
      if (residence.isElsewhere(pid, group)) {
        refuseIfGoverned(pid, Residence.of(files, hierarchies, pid));
        throw movedAway(pid);
      }
      move.leader(pid);
    }
  }

  private static AttachRefusedException movedAway(int pid) {
    return new AttachRefusedException(
        Reason.MOVED_AWAY, "somebody else moves process " + pid + " at the same time");
  }

  private static void refuseIfGoverned(int pid, Residence residence) throws ErrnoException {
    Optional<Residence.Job> job = residence.job();
    if (job.isPresent()) {
      throw new AttachRefusedException(
          Reason.ALREADY_GOVERNED,
          "process " + pid + " belongs to job '" + job.get().mark().id() + "', " + who(job.get()));
    }
  }

  private static String who(Residence.Job job) {
    Optional<ProcessKey> owner = job.mark().liveOwner();
    boolean ours = job.user() == Libc.geteuid();
    String recover = ours ? "recover() takes it over" : "recover as user " + job.user();
    if (!ours && job.user() != 0) { // whose word on it proves nothing
      return "by the mark of a group that user " + job.user() + " made: detach or " + recover;
    } else if (owner.isPresent()) {
      return "which process " + owner.get().pid() + " governs: detach it there";
    }
    return job.mark().leader().filter(ProcessKey::alive).isPresent()
        ? "which nobody governs now: " + recover
        : "whose own process has ended: put this one back by hand first (docs/attach.md)";
  }

  private static void refuseIfInUse(OptionalLong most, Supplier<Set<Integer>> tree, int pid) {
    if (most.isPresent()) {
      long used = Move.residentBytes(tree.get());
      if (used > most.getAsLong()) {
        throw new AttachRefusedException(
            Reason.MEMORY_IN_USE,
            "process "
                + pid
                + " and its descendants use "
                + used
                + " bytes already, more than memory.max "
                + most.getAsLong()
                + ": ask for more");
      }
    }
  }

  private JobGroup create(Home home, String id, Mark mark) throws IdInUseException, ErrnoException {
    try {
      return home.create(id, mark);
    } catch (ErrnoException e) {
      if (SHORTAGES.contains(e.errno())) {
        throw e;
      }
      return home.none(e);
    }
  }

  /** It can't be moved lawfully: nothing is left of what was tried, and the limits are refused. */
  private JobGroup observeOnly(int pid, Home home, JobGroup group, Mark mark, ErrnoException e)
      throws ErrnoException {
    if (e.errno() == Errno.ESRCH || SHORTAGES.contains(e.errno())) {
      throw e.errno() == Errno.ESRCH ? ended(pid) : refused(pid, e);
    }
    putBack(group, mark);
    return home.none(e);
  }

  private static List<LimitOutcome> limits(Attachment asked, JobGroup group, int pid, Move move) {
    List<LimitOutcome> outcomes = new ArrayList<>(group.apply(asked.limits()));
    if (move.refusal().isPresent()) { // else the proof was that every hierarchy holds it
      outcomes.replaceAll(each -> Start.deniedUnlessHeld(each, group, pid, move.refusal()));
    }
    return outcomes;
  }

  private static void requireLimits(int pid, Receipt receipt) {
    for (LimitOutcome each : receipt.limits()) {
      if (!each.status().inForce()) {
        throw new AttachRefusedException(
            Reason.LIMITS_REQUIRED,
            "process "
                + pid
                + " is not attached to: a required limit can't be had, "
                + Start.told(each));
      }
    }
  }

  private static AttachRefusedException told(AttachRefusedException e, List<NotMoved> notBack) {
    if (notBack.isEmpty()) {
      return e;
    }
    String who =
        notBack.stream()
            .map(each -> "process " + each.pid() + " is not where it was: " + each.reason())
            .collect(Collectors.joining("; "));
    return new AttachRefusedException(e.reason(), e.getMessage() + "; " + who);
  }

  /** Gives who is not where it was. What stays in the group, recover() finds. */
  private List<NotMoved> putBack(JobGroup group, Mark mark) {
    if (!group.exists()) {
      return List.of();
    }
    List<NotMoved> notBack = group.release(mark);
    for (NotMoved each : notBack) {
      LOG.warn("process {} is not where it was: {}", each.pid(), each.reason());
    }
    linger.remove(group, () -> group.letGo(mark));
    return notBack;
  }
}
