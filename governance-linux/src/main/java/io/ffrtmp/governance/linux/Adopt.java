package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.linux.cgroup.Base;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.Hierarchies;
import io.ffrtmp.governance.linux.cgroup.Home;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.cgroup.ProcessKey;
import io.ffrtmp.governance.linux.cgroup.Residence;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.process.Identity;
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
   * @throws JobIdInUseException if a group of this id is there; nothing was touched
   */
  Adopted attach(Attachment asked, String id) {
    int pid = (int) asked.pid();
    Pidfd pidfd = Identity.open(pid);
    try {
      return attach(asked, id, Identity.of(pid, pidfd, files::read));
    } catch (ErrnoException e) {
      boolean cgroup = e.errno() == Errno.ENOENT && !pidfd.ended(); // where it lived is gone
      pidfd.close();
      throw cgroup ? movedAway(pid) : Identity.refused(pid, e);
    } catch (RuntimeException | Error e) {
      pidfd.close();
      throw e;
    }
  }

  /** Undoes an attachment that can't be watched. */
  void undo(Adopted adopted) {
    putBack(adopted.group(), adopted.mark());
    adopted.pidfd().close();
  }

  private Adopted attach(Attachment asked, String id, Identity target) throws ErrnoException {
    int pid = target.pid();
    Residence residence = Residence.of(files, hierarchies, pid);
    Supplier<Set<Integer>> tree = () -> ProcessTree.of(pid);
    refuseBeforehand(asked, target, residence, tree);
    Home home = asked.leaveUnit() ? base.home() : residence.home(base.home(), asked.limits(), tree);
    Mark mark = Mark.of(id, Mode.ATTACH, asked.intent(), asked.limits());
    mark = home.placed(mark.leader(pid, target.stat().startTime()));
    mark = asked.leaveUnit() ? residence.left(mark) : mark;
    JobGroup group = create(home, id, mark);
    try {
      Move move = new Move(files, group, residence);
      group = move(pid, home, group, mark, residence, move);
      prove(target, group, move);
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
      return new Adopted(target.pidfd(), group, mark, receipt);
    } catch (AttachRefusedException e) {
      throw told(e, putBack(group, mark));
    } catch (ErrnoException | RuntimeException | Error e) {
      putBack(group, mark);
      throw e;
    }
  }

  /** What can be known before anything is touched. */
  private static void refuseBeforehand(
      Attachment asked, Identity target, Residence residence, Supplier<Set<Integer>> tree)
      throws ErrnoException {
    int pid = target.pid();
    refuseIfGoverned(pid, residence);
    boolean threads = target.stat().threads() > 1;
    Optional<String> unmovable = threads ? residence.unmovable(pid) : Optional.empty();
    if (unmovable.isPresent()) {
      String why = "can't be moved: " + unmovable.get();
      throw Identity.refusal(Reason.THREADS_SPREAD, pid, why);
    }
    refuseIfInUse(asked.limits().memoryMaxBytes(), tree, pid);
  }

  /**
   * Gives the group that the process is in now. Where it can't be moved lawfully, that is none:
   * nothing is left of what was tried, and the limits are refused.
   */
  private JobGroup move(
      int pid, Home home, JobGroup group, Mark mark, Residence residence, Move move)
      throws ErrnoException {
    try {
      moveLeader(pid, home, group, residence, move);
      return group;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ESRCH) {
        throw Identity.ended(pid);
      } else if (e.isShortage()) {
        throw Identity.refused(pid, e);
      }
      move.refused(pid, e);
      putBack(group, mark);
      return home.none(e);
    }
  }

  /** The proof: who was moved lived still then, and is there. */
  private static void prove(Identity target, JobGroup group, Move move) throws ErrnoException {
    int pid = target.pid();
    if (target.pidfd().ended()) {
      if (group.exists()) { // else nobody was moved
        move.tookStrangerBack(pid, target.stat());
      }
      throw Identity.ended(pid);
    }
    if (group.exists() && !group.holds(pid)) {
      throw movedAway(pid);
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
      String whose = "belongs to job '" + job.get().mark().id() + "', " + who(job.get());
      throw Identity.refusal(Reason.ALREADY_GOVERNED, pid, whose);
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
      Set<Integer> all = tree.get();
      long used = Move.residentBytes(all);
      if (used > most.getAsLong()) { // what they share was counted for each
        used = all.stream().mapToLong(ProcStatus::shareBytes).sum();
      }
      if (used > most.getAsLong()) {
        String why = "and its descendants use " + used + " bytes already, more than memory.max ";
        throw Identity.refusal(
            Reason.MEMORY_IN_USE, pid, why + most.getAsLong() + ": ask for more");
      }
    }
  }

  private JobGroup create(Home home, String id, Mark mark) throws ErrnoException {
    try {
      return home.create(id, mark);
    } catch (ErrnoException e) {
      if (e.isShortage()) {
        throw e;
      }
      return home.none(e);
    }
  }

  private static List<LimitOutcome> limits(Attachment asked, JobGroup group, int pid, Move move) {
    List<LimitOutcome> outcomes = new ArrayList<>(group.limits().apply(asked.limits()));
    if (move.refusal().isPresent()) { // else the proof was that every hierarchy holds it
      outcomes.replaceAll(each -> Start.deniedUnlessHeld(each, group, pid, move.refusal()));
    }
    return outcomes;
  }

  private static void requireLimits(int pid, Receipt receipt) {
    for (LimitOutcome each : receipt.limits()) {
      if (!each.status().inForce()) {
        String why = "is not attached to: a required limit can't be had, ";
        throw Identity.refusal(Reason.LIMITS_REQUIRED, pid, why + Start.told(each));
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
