package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The limits of one job, a row of {@link Control} for each: written and read back when it begins,
 * verified when it is found, read back at the end. Thread-safe.
 */
public final class ControlTable {
  private static final String HALF_ATTACHED =
      "its governor died while it attached or released: release it, and attach again";

  private final CgroupFiles files;
  private final JobGroup job;
  private final Controllers controllers;
  private final Map<String, Refusal> missing;

  /** With why there is no group for a controller, where there is none. */
  ControlTable(
      CgroupFiles files, JobGroup job, Controllers controllers, Map<String, Refusal> missing) {
    this.files = files;
    this.job = job;
    this.controllers = controllers;
    this.missing = missing;
  }

  /** Writes each limit and reads it back. Never throws: what went wrong is in the outcomes. */
  public List<LimitOutcome> apply(Limits limits) {
    List<LimitOutcome> outcomes = new ArrayList<>();
    for (Mark.Asked each : Mark.asked(limits)) {
      outcomes.add(sameDisk(each, outcomes).orElseGet(() -> apply(each)));
    }
    return List.copyOf(outcomes);
  }

  /** Of an io.max that would overwrite a rate of one before, which names its disk otherwise. */
  private static Optional<LimitOutcome> sameDisk(Mark.Asked asked, List<LimitOutcome> before) {
    return before.stream()
        .filter(each -> asked.limit() == Limit.IO_MAX && each.limit() == Limit.IO_MAX)
        .filter(each -> each.status().inForce())
        .filter(each -> overwrites(asked.text(), each.get(Detail.WRITTEN).orElse("")))
        .findFirst()
        .map(each -> sameDisk(each).outcome(asked.limit(), asked.text()));
  }

  private static Refusal sameDisk(LimitOutcome other) {
    String cure =
        "the same disk as " + IoMax.parse(other.asked()).target() + ": give it one io.max";
    return new Refusal(Status.UNSUPPORTED, other.get(Detail.FILE).orElse(""), "", cure);
  }

  private static boolean overwrites(String asked, String written) {
    try {
      IoMax own = IoMax.parse(asked);
      IoMax other = IoMax.parse(written);
      return Disk.of(own.target()).equals(other.target())
          && !Collections.disjoint(own.rates().keySet(), other.rates().keySet());
    } catch (ErrnoException e) {
      return false; // told when it is written
    }
  }

  private LimitOutcome apply(Mark.Asked asked) {
    Control control = Control.of(asked.limit());
    Refusal refusal = Objects.requireNonNull(missing.get(control.controller));
    Optional<Group> group = job.holding(control);
    Optional<Refusal> notEnabled = Optional.empty();
    for (int attempt = 1; group.isPresent() && attempt <= 2; attempt++) {
      try {
        return control.apply(files, group.get(), asked.text());
      } catch (ErrnoException e) {
        String file = group.get().file(control.file(group.get().unified(), asked.text()));
        refusal = notEnabled.orElse(Refusal.of(e, file, asked.text()));
        if (e.errno() != Errno.ENOENT) {
          break;
        } else if (attempt == 1) { // nobody came to that yet
          controllers.enable();
          notEnabled = controllers.refusal(control.controller);
        }
      }
    }
    return refusal.outcome(control.limit, asked.text());
  }

  /**
   * What became of the limits that another JVM asked for; those of which nothing holds the leader
   * are lost, but for those that never were in force.
   *
   * @throws ErrnoException if one can't be read, though it may hold
   */
  public Receipt verify(Mark mark) throws ErrnoException {
    String membership = membership(mark);
    List<LimitOutcome> outcomes = new ArrayList<>();
    for (Mark.Asked each : Mark.asked(mark.limits())) {
      Optional<LimitOutcome> unmet =
          mark.unmet(each).map(it -> LimitOutcome.of(each.limit(), it, each.text()));
      outcomes.add(
          unmet.isPresent()
              ? unmet.get().with(Detail.CURE, "told when the job began, unverified")
              : verify(each, membership));
    }
    if (mark.halfAttached()) { // nobody told that they were ever in force
      outcomes.replaceAll(
          each ->
              each.status() == Status.LOST
                  ? each.status(Status.DENIED).with(Detail.CURE, HALF_ATTACHED)
                  : each);
    }
    return Receipt.of(outcomes);
  }

  /** Where the leader lives; empty if it has ended. */
  private String membership(Mark mark) throws ErrnoException {
    Optional<Integer> leader = mark.leader().filter(ProcessKey::alive).map(ProcessKey::pid);
    try {
      return leader.isPresent() ? Residence.membership(files, leader.get()).orElse("") : "";
    } catch (ErrnoException e) {
      if (!e.isGone()) {
        throw e;
      }
      return "";
    }
  }

  private LimitOutcome verify(Mark.Asked asked, String membership) throws ErrnoException {
    Control control = Control.of(asked.limit());
    LimitOutcome lost = LimitOutcome.of(asked.limit(), Status.LOST, asked.text());
    try {
      Optional<Group> group = job.holding(control);
      return group.isPresent()
          ? lostOutside(membership, group.get(), control.verify(files, group.get(), asked.text()))
          : lost;
    } catch (ErrnoException e) {
      if (!Control.gone(e)) {
        throw e;
      }
      return lost.with(Detail.ERRNO, e.name());
    }
  }

  private static LimitOutcome lostOutside(String membership, Group group, LimitOutcome outcome) {
    Optional<String> path = group.hierarchy().pathIn(membership);
    if (path.isEmpty() || group.contains(path.get())) {
      return outcome;
    }
    String procs = group.file("cgroup.procs");
    String cure = "its process is in " + path.get() + " now: write its number to " + procs;
    return outcome.status(Status.LOST).with(Detail.CURE, cure);
  }

  /**
   * At the end: a limit in force that reads otherwise now is lost; one that can't be read stays as
   * it was, with the errno. On v2 a group that is gone held to the end: systemd removes those of a
   * unit that stops, and whether its leader had been moved out is seen in the leader.
   */
  public Receipt readBack(Receipt receipt) {
    List<LimitOutcome> outcomes = new ArrayList<>();
    for (LimitOutcome each : receipt.limits()) {
      Control control = Control.of(each.limit());
      Optional<Group> group = each.status().inForce() ? job.holding(control) : Optional.empty();
      outcomes.add(group.map(it -> control.check(files, it, each)).orElse(each));
    }
    boolean gone = job.unified() && Libc.access(job.toString(), Libc.F_OK) == Errno.ENOENT;
    return gone ? receipt : receipt.limits(outcomes); // asked last: it may go while it is read
  }

  /** What {@link #readBack} gives of a group that is gone, where another bears its name. */
  public Receipt gone(Receipt receipt) {
    String errno = Errno.name(Errno.ENOENT);
    return job.unified()
        ? receipt
        : receipt.limits(
            receipt.limits().stream()
                .map(
                    each ->
                        each.status().inForce()
                            ? each.status(Status.LOST).with(Detail.ERRNO, errno)
                            : each)
                .toList());
  }
}
