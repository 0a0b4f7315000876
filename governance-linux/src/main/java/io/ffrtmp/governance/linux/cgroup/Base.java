package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where started jobs live: {@code <base>/<name>/<job id>} in each hierarchy. Governors may share a
 * base; they agree by flock(2) on the primary {@code <base>/<name>}. Thread-safe.
 */
public final class Base implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Base.class);

  /** How often others may come in between; what they do there takes microseconds. */
  private static final int ATTEMPTS = 1_000;

  private final CgroupFiles files;
  private final List<Site> sites;
  private final List<Group> homes;
  private final Controllers controllers;
  private final Map<String, Refusal> missing = new HashMap<>();

  private volatile boolean prepared;
  private volatile Optional<String> leaf = Optional.empty();

  private Base(CgroupFiles files, Hierarchies hierarchies, List<Site> sites, String name) {
    this.files = files;
    this.sites = sites;
    this.homes = sites.stream().map(site -> site.group().child(name)).toList();
    List<String> levels = new ArrayList<>();
    for (Group home : homes) {
      if (home.unified()) {
        levels.addAll(List.of(home.parent(), home.directory()));
      }
    }
    this.controllers = new Controllers(files, levels);
    for (Control each : Control.values()) {
      missing.put(each.controller, Refusal.missing(hierarchies, each.controller));
    }
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
    for (Hierarchy each : hierarchies.job()) {
      Site.find(hierarchies, each, configured).ifPresent(sites::add);
    }
    return new Base(files, hierarchies, sites, name);
  }

  /** Whether a child can be born inside a job's group: it is one directory, of v2. */
  public boolean bornInside() {
    return sites.size() == 1 && sites.get(0).group().unified();
  }

  /** Whether jobs live in our own cgroup or beneath it, or beneath the delegated one around it. */
  public boolean insideOurs() {
    return sites.isEmpty() || sites.stream().anyMatch(Site::aroundOrBeneathUs);
  }

  /** The directory that is locked. */
  private String home() {
    return homes.get(0).directory();
  }

  private JobGroup group(String id) {
    return job(homes.stream().map(home -> home.child(id)).toList(), missing);
  }

  private JobGroup job(List<Group> groups, Map<String, Refusal> reasons) {
    return new JobGroup(files, List.copyOf(groups), controllers, reasons);
  }

  /**
   * Makes a job's group and marks it. One of the same id that is empty and nobody's goes first.
   *
   * @throws IdInUseException if a group of this id exists, and is no such leftover
   * @throws ErrnoException if the primary directory can't be made; nothing is left of it then
   */
  public JobGroup create(String jobId, Mark mark) throws ErrnoException, IdInUseException {
    Optional<JobGroup> made = homes.isEmpty() ? Optional.of(group(jobId)) : Optional.empty();
    for (int attempt = 1; made.isEmpty(); attempt++) {
      try {
        made = prepared ? make(jobId, mark) : prepareAndMake(jobId, mark);
      } catch (ErrnoException e) {
        prepared = false;
        if (e.errno() != Errno.ENOENT || attempt == ATTEMPTS) { // another governor's close()
          throw e;
        }
        Thread.yield();
      }
    }
    return made.get();
  }

  /** No group, as none could be made: each limit is refused for that reason. */
  public JobGroup none(ErrnoException e) {
    Map<String, Refusal> reasons = new HashMap<>();
    missing.keySet().forEach(each -> reasons.put(each, Refusal.of(e, home(), each)));
    return new JobGroup(files, List.of(), controllers, reasons);
  }

  /** Hands controllers down once a job is there: then no other governor removes the home. */
  private Optional<JobGroup> prepareAndMake(String id, Mark mark)
      throws ErrnoException, IdInUseException {
    make(home());
    Optional<JobGroup> made = make(id, mark);
    if (made.isPresent()) {
      controllers.enable();
      prepared = true;
    }
    return made;
  }

  /** Empty if the id was taken by a leftover, which is gone now. */
  private Optional<JobGroup> make(String id, Mark mark) throws ErrnoException, IdInUseException {
    if (claim(id, mark.encode())) {
      return Optional.of(makeOthers(id));
    }
    reclaim(id, true);
    return Optional.empty();
  }

  private boolean make(String directory) throws ErrnoException {
    return Call.unless(Errno.EEXIST, () -> files.mkdir(directory));
  }

  /** Makes and marks the primary, before anybody may look whose it is; false if it exists. */
  private boolean claim(String id, byte[] mark) throws ErrnoException {
    try (CgroupFiles.Lock home = files.lock(home(), true)) {
      boolean made = Call.unless(Errno.EEXIST, () -> home.mkdir(id));
      if (made) {
        markOrUndo(homes.get(0).file(id), mark);
      }
      return made;
    }
  }

  private void markOrUndo(String directory, byte[] mark) throws ErrnoException {
    try {
      files.mark(directory, mark);
    } catch (ErrnoException e) {
      files.rmdir(directory);
      throw e;
    }
  }

  /**
   * Makes the directories beside the primary. One that had no primary is nobody's; one that can't
   * be made costs the limits of its own hierarchy, and no others.
   */
  private JobGroup makeOthers(String id) throws ErrnoException, IdInUseException {
    List<Group> made = new ArrayList<>(List.of(homes.get(0).child(id)));
    Map<String, Refusal> reasons = new HashMap<>(missing);
    for (Group home : homes.subList(1, homes.size())) {
      Group group = home.child(id);
      try {
        if (!makeBelow(home, group)) {
          if (!job(List.of(group), missing).remove()) {
            job(made, missing).remove();
            throw new IdInUseException(id, group.directory(), "processes live in it");
          }
          make(group.directory());
        }
        made.add(group);
      } catch (ErrnoException e) {
        LOG.warn("job {} goes without {}", id, group.directory(), e);
        for (String controller : group.hierarchy().controllers()) {
          reasons.put(controller, Refusal.of(e, group.directory(), controller));
        }
      }
    }
    return job(made, reasons);
  }

  /** Makes a directory, and the home above it if need be; false if it was there. */
  private boolean makeBelow(Group home, Group group) throws ErrnoException {
    for (int attempt = 1; ; attempt++) {
      try {
        return make(group.directory());
      } catch (ErrnoException e) {
        if (e.errno() != Errno.ENOENT || attempt == ATTEMPTS) { // another governor's close()
          throw e;
        }
        make(home.directory());
      }
    }
  }

  /** Removes a group that is empty and nobody's, while nobody can make one. */
  @SuppressWarnings("try") // the lock is held, not used
  private void reclaim(String id, boolean wait) throws ErrnoException, IdInUseException {
    String primary = homes.get(0).file(id);
    try (CgroupFiles.Lock home = files.lock(home(), wait)) {
      Optional<byte[]> bytes = files.mark(primary);
      Optional<ProcessKey> owner = liveOwner(bytes);
      if (bytes.isPresent() && bytes.flatMap(Mark::parse).isEmpty()) {
        throw new IdInUseException(id, primary, "its mark is none that we know");
      }
      if (owner.isPresent()) {
        throw new IdInUseException(id, primary, "process " + owner.get().pid() + " governs it");
      }
      if (!group(id).remove()) {
        throw new IdInUseException(id, primary, "processes live in it");
      }
    }
  }

  private static Optional<ProcessKey> liveOwner(Optional<byte[]> mark) {
    return mark.flatMap(Mark::parse).flatMap(Mark::owner).filter(ProcessKey::alive);
  }

  /**
   * Removes a group that its owner let go of. False if that has to be tried again later; true also
   * if somebody owns a group of this id by now.
   */
  public boolean discard(JobGroup group) {
    String directory = group.toString();
    try {
      reclaim(directory.substring(directory.lastIndexOf('/') + 1), false);
      return true;
    } catch (IdInUseException | ErrnoException e) {
      LOG.debug("{}: not removed", directory, e);
    }
    try {
      return liveOwner(files.mark(directory)).isPresent();
    } catch (ErrnoException e) {
      return e.errno() == Errno.ENOENT;
    }
  }

  /** Removes groups that are empty and nobody's: their governors died, or let go of them. */
  public void clean() {
    try {
      for (String each : homes.isEmpty() ? List.<String>of() : files.subdirectories(home())) {
        try {
          reclaim(each.substring(home().length() + 1), false);
        } catch (ErrnoException | IdInUseException e) {
          LOG.debug("{} is left alone", each, e);
        }
      }
    } catch (ErrnoException e) {
      LOG.debug("{}: nothing there to clean", home(), e);
    }
  }

  /**
   * Where we live right in our base on v2, moves us into a group beneath it, if we are alone there:
   * a group with processes can't hand down controllers. {@link #close()} undoes it.
   *
   * @return what was done, or why not; empty where there is no need
   */
  public Optional<Capability> becomeLeaf(String leafName) {
    if (!bornInside() || !sites.get(0).isOurOwn()) {
      return Optional.empty();
    }
    Group own = sites.get(0).group();
    try {
      if (files.read(own.file("cgroup.procs")).strip().contains("\n")) {
        return Optional.of(Capability.of("leaf", State.NO, "not alone").cure(Refusal.LEAF));
      }
      make(own.file(leafName));
      files.write(own.file(leafName) + "/cgroup.procs", "0"); // stands for the writer
      leaf = Optional.of(own.file(leafName));
      return Optional.of(Capability.of("leaf", State.YES, "moved into " + own.file(leafName)));
    } catch (ErrnoException e) {
      String cure = Refusal.of(e, own.directory(), leafName).cure();
      return Optional.of(Capability.of("leaf", State.NO, e.getMessage()).cure(cure));
    }
  }

  /**
   * Takes back what we made, switched on and moved, unless a job's group is left: it needs that.
   */
  @Override
  public void close() {
    try {
      prepared = false;
      for (Group home : homes) {
        remove(home.directory());
      }
      if (leaf.isPresent() || sites.stream().anyMatch(Site::ours)) {
        controllers.disable();
      }
      if (leaf.isPresent()) {
        files.write(sites.get(0).group().file("cgroup.procs"), "0");
        remove(leaf.get());
        leaf = Optional.empty();
      }
    } catch (ErrnoException e) {
      LOG.debug("left as it is", e);
    }
  }

  private void remove(String directory) throws ErrnoException {
    Call.unless(Errno.ENOENT, () -> files.rmdir(directory));
  }

  /** What can be limited here and where; what can't, and why. */
  public List<Capability> capabilities() {
    List<String> where = new ArrayList<>();
    sites.forEach(each -> where.add(each.group().directory() + " (" + each.why() + ")"));
    String bases = where.isEmpty() ? "none" : String.join(", ", where);
    boolean pressure = bornInside() && Libc.access("/proc/pressure/cpu", Libc.R_OK) == 0;
    List<Capability> all = new ArrayList<>();
    all.add(told("base", !sites.isEmpty(), bases, Refusal.DELEGATE));
    all.add(delegation());
    for (Control each : Control.values()) {
      all.add(capability(each));
    }
    String psi = pressure ? "of each job, as in /proc/pressure" : "not of each job";
    all.add(told("pressure", pressure, psi, "boot with cgroup v2 and psi=1"));
    return all;
  }

  /** Privilege needs none, and a gap that is none needs no cure. */
  private Capability delegation() {
    String handed =
        sites.stream()
            .filter(Site::ours)
            .map(each -> each.group().directory())
            .collect(Collectors.joining(", "));
    return handed.isEmpty() && !sites.isEmpty()
        ? Capability.of("delegation", State.NO, "not needed, by privilege")
        : told(
            "delegation", !handed.isEmpty(), handed.isEmpty() ? "none" : handed, Refusal.DELEGATE);
  }

  private Capability capability(Control control) {
    String name = control.limit.wireName();
    for (Site site : sites) {
      Group base = site.group();
      boolean holds = base.holds(control.controller);
      if (holds && !base.unified() && control == Control.IO_MAX) {
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
