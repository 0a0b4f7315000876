package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where started jobs live: {@code <base>/<name>/<job id>} in each hierarchy. Governors may share a
 * base; they agree by flock(2) on the primary {@code <base>/<name>}. Thread-safe.
 */
public final class Base implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Base.class);

  private final CgroupFiles files;
  private final Optional<String> configured;
  private final List<Site> sites;
  private final Home home;
  private final Map<String, Refusal> missing;
  private volatile Optional<String> leaf = Optional.empty();
  private volatile Optional<Capability> asLeaf = Optional.empty();

  private Base(
      CgroupFiles files,
      Hierarchies hierarchies,
      Optional<String> configured,
      List<Site> sites,
      String name) {
    this.files = files;
    this.configured = configured;
    this.sites = sites;
    this.missing = Refusal.missing(hierarchies, configured);
    this.home = Home.ofBase(files, name, sites.stream().map(Site::group).toList(), missing);
  }

  /**
   * Finds a base in each hierarchy, without any side effect.
   *
   * @param configured an existing cgroup's directory, or its path as in {@code /proc/PID/cgroup}
   * @param name of the directory between the base and the jobs
   */
  public static Base find(
      CgroupFiles files, Hierarchies hierarchies, Optional<String> configured, String name) {
    List<Site> sites = new ArrayList<>();
    boolean nested =
        hierarchies.job().stream()
            .anyMatch(
                each ->
                    Search.inStartedJob(
                        files, each, each.directory(each.own()).orElse(each.mountPoint())));
    for (Hierarchy each : hierarchies.job()) {
      Site.find(hierarchies, each, configured, nested).ifPresent(sites::add);
    }
    return new Base(files, hierarchies, configured, sites, name);
  }

  /** Whether a child can be born inside a job's group: it is one directory, of v2. */
  public boolean bornInside() {
    return sites.size() == 1 && sites.get(0).group().unified();
  }

  /** Whether jobs live in our own cgroup or beneath it, or beneath the delegated one around it. */
  public boolean insideOurs() {
    return sites.isEmpty() || sites.stream().anyMatch(Site::aroundOrBeneathUs);
  }

  /** Where the jobs' groups are. */
  public Home home() {
    return home;
  }

  /**
   * Where we live right in our base on v2, moves us into a group beneath it, if we are alone there:
   * a group with processes can't hand down controllers. {@link #close()} undoes it. What was done,
   * or why not, is among the {@link #capabilities()}.
   */
  public void becomeLeaf(String leafName) {
    if (bornInside() && sites.get(0).isOurOwn()) {
      asLeaf = Optional.of(becomeLeafOf(sites.get(0).group(), leafName));
    }
  }

  private Capability becomeLeafOf(Group own, String leafName) {
    try {
      if (files.read(own.file("cgroup.procs")).strip().contains("\n")) {
        return Capability.of("leaf", State.NO, "not alone in " + own.directory())
            .cure(Refusal.LEAF);
      }
      Call.unless(Errno.EEXIST, () -> files.mkdir(own.file(leafName)));
      files.write(own.file(leafName) + "/cgroup.procs", "0"); // stands for the writer
      leaf = Optional.of(own.file(leafName));
      return Capability.of("leaf", State.YES, "moved into " + own.file(leafName));
    } catch (ErrnoException e) {
      String cure = Refusal.of(e, own.directory(), leafName).cure();
      return Capability.of("leaf", State.NO, e.getMessage()).cure(cure);
    }
  }

  /**
   * Takes back what we made, switched on and moved, unless a group is left, a job's or somebody
   * else's: it needs that.
   */
  @Override
  public synchronized void close() {
    try {
      if (tidy() && leaf.isPresent()) {
        files.write(sites.get(0).group().file("cgroup.procs"), "0");
        String directory = leaf.get();
        Call.unless(Errno.ENOENT, () -> files.rmdir(directory));
        leaf = Optional.empty();
      }
    } catch (ErrnoException e) {
      LOG.debug("left as it is", e);
    }
  }

  /** Takes back what we made and switched on, once no job is left; false if one is. */
  public synchronized boolean tidy() {
    try {
      home.remove();
      if (leaf.isPresent() || sites.stream().anyMatch(Site::ours)) {
        home.controllers().disable();
      }
      return true;
    } catch (ErrnoException e) {
      LOG.debug("left as it is", e);
      return false;
    }
  }

  /** What can be limited here and where; what can't, and why. */
  public List<Capability> capabilities() {
    List<String> where = new ArrayList<>();
    sites.forEach(each -> where.add(each.group().directory() + " (" + each.why() + ")"));
    String none = configured.map(path -> path + " is no cgroup here").orElse("none");
    String bases = where.isEmpty() ? none : String.join(", ", where);
    String why = why().cure();
    boolean pressure = bornInside() && Libc.access("/proc/pressure/cpu", Libc.R_OK) == 0;
    List<Capability> all = new ArrayList<>();
    all.add(told("base", !sites.isEmpty(), bases, why));
    all.add(delegation(why));
    asLeaf.ifPresent(all::add);
    for (Control each : Control.values()) {
      all.add(capability(each));
    }
    String psi = pressure ? "of each job, as in /proc/pressure" : "not of each job";
    all.add(told("pressure", pressure, psi, "boot with cgroup v2 and psi=1"));
    return all;
  }

  /** Why there is no base: what is there and closed to us tells more than what is not there. */
  private Refusal why() {
    return Stream.of(Control.values())
        .map(each -> Objects.requireNonNull(missing.get(each.controller)))
        .min(Comparator.comparing(Refusal::status))
        .orElseThrow();
  }

  /** Privilege needs none, and a gap that is none needs no cure. */
  private Capability delegation(String cure) {
    String handed =
        sites.stream()
            .filter(Site::ours)
            .map(each -> each.group().directory())
            .collect(Collectors.joining(", "));
    return handed.isEmpty() && !sites.isEmpty()
        ? Capability.of("delegation", State.NO, "not needed, by privilege")
        : told("delegation", !handed.isEmpty(), handed.isEmpty() ? "none" : handed, cure);
  }

  private Capability capability(Control control) {
    String name = control.limit.wireName();
    for (Site site : sites) {
      Group base = site.group();
      boolean holds = base.holds(control.controller);
      String jobs = base.file(home.name());
      String place = Libc.access(jobs, Libc.F_OK) == 0 ? jobs : base.directory();
      int errno = holds ? Libc.access(place, Libc.W_OK) : 0;
      if (errno != 0) { // as a configured one may be
        ErrnoException closed = new ErrnoException(errno, "access " + place);
        String cure = Refusal.of(closed, jobs, "").cure();
        return told(name, false, closed.getMessage(), cure);
      } else if (holds && !base.unified() && control == Control.IO_MAX) {
        String detail = base.directory() + ", not for buffered writes";
        return Capability.of(name, State.PARTLY, detail).cure("boot with cgroup v2");
      } else if (holds) {
        String handed = " " + Hierarchies.controllers(files, base.directory()) + " ";
        boolean blocked = base.unified() && leaf.isEmpty() && site.isOurOwn();
        boolean here = !base.unified() || handed.contains(" " + control.controller + " ");
        String cure = blocked ? Refusal.LEAF : Refusal.HAND_DOWN;
        return told(name, here && !blocked, base.directory(), cure);
      }
    }
    Refusal none = Objects.requireNonNull(missing.get(control.controller));
    return told(name, false, none.file(), none.cure());
  }

  private static Capability told(String name, boolean there, String detail, String cure) {
    Capability told = Capability.of(name, there ? State.YES : State.NO, detail);
    return there ? told : told.cure(cure);
  }
}
