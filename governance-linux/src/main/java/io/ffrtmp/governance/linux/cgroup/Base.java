package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where started jobs live: {@code <base>/<name>/<job id>} in each hierarchy. Governors may share a
 * base; they agree by flock(2) on the primary {@code <base>/<name>}. Thread-safe.
 */
public final class Base implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Base.class);

  /** How often others may come in between; what each does takes microseconds. */
  private static final int ATTEMPTS = 100;

  private final CgroupFiles files;
  private final List<Site> sites;
  private final List<Group> parents;
  private final Map<String, Refusal> missing;
  private final Controllers controllers;

  /** The same order among our own threads, so that none of them starves the others. */
  private final ReadWriteLock order = new ReentrantReadWriteLock(true);

  private volatile boolean prepared;
  private volatile Optional<String> leaf = Optional.empty();

  Base(CgroupFiles files, List<Site> sites, Map<String, Refusal> missing, String name) {
    this.files = files;
    this.sites = sites;
    this.parents = sites.stream().map(site -> site.parent(name)).toList();
    this.missing = missing;
    List<String> levels = new ArrayList<>();
    for (Group parent : parents) {
      if (parent.hierarchy().unified()) {
        levels.addAll(List.of(sites.get(parents.indexOf(parent)).directory(), parent.directory()));
      }
    }
    this.controllers = new Controllers(files, levels);
  }

  /** Finds a base in each hierarchy where jobs have groups, without any side effect. */
  public static Base find(
      CgroupFiles files, Hierarchies hierarchies, Optional<String> configured, String name) {
    List<Site> sites = new ArrayList<>();
    for (Hierarchy hierarchy : hierarchies.job()) {
      Site.find(hierarchies, hierarchy, configured).ifPresent(sites::add);
    }
    return new Base(files, sites, Refusal.missing(hierarchies, configured), name);
  }

  /** Whether a child can be born inside a job's group: it is a single directory, of v2. */
  public boolean bornInside() {
    return sites.size() == 1 && sites.get(0).hierarchy().unified();
  }

  /** Whether jobs live in our own cgroup or beneath it, or beneath the delegated one around it. */
  public boolean insideOurs() {
    return sites.isEmpty() || sites.stream().anyMatch(Site::aroundOrBeneathUs);
  }

  private List<Group> groups(String id) {
    return parents.stream().map(parent -> parent.child(id)).toList();
  }

  private JobGroup group(String id) {
    return new JobGroup(files, groups(id), missing, controllers);
  }

  /**
   * Makes a job's group and marks it. An empty group of this id that is nobody's is removed first.
   *
   * @throws IdInUseException if a group with this id exists, and is not such a leftover
   * @throws ErrnoException if a directory can't be made; nothing is left then
   */
  public JobGroup create(String jobId, Mark mark) throws ErrnoException, IdInUseException {
    JobGroup group = group(jobId);
    boolean made = !group.exists();
    for (int attempt = 1; !made; attempt++) {
      try {
        if (!prepared) {
          prepare();
        }
        made = claim(jobId, mark.encode());
        if (made) {
          makeOthers(jobId);
        } else {
          reclaim(jobId);
        }
      } catch (ErrnoException e) {
        made = false;
        prepared = false; // ENOENT: another governor's close() removed <base>/<name>
        if (attempt == ATTEMPTS || (e.errno() != Errno.ENOENT && e.errno() != Errno.EAGAIN)) {
          throw e;
        }
        Thread.yield(); // EAGAIN: another holds the lock
      }
    }
    return group;
  }

  private void prepare() throws ErrnoException {
    for (Group parent : parents) {
      make(parent.directory());
    }
    controllers.enable();
    prepared = true;
  }

  /** False if it was there already. */
  private boolean make(String directory) throws ErrnoException {
    try {
      files.mkdir(directory);
      return true;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EEXIST) {
        return false;
      }
      throw e;
    }
  }

  /** Makes and marks the primary directory, if there is none: mkdir(2) decides who has the id. */
  private boolean claim(String id, byte[] mark) throws ErrnoException {
    Group group = parents.get(0).child(id);
    order.readLock().lock();
    try (CgroupFiles.Lock lock = files.lock(parents.get(0).directory(), false)) {
      lock.mkdir(id);
      try {
        files.mark(group.directory(), mark);
        return true;
      } catch (ErrnoException e) {
        files.rmdir(group.directory());
        throw e;
      }
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EEXIST) {
        return false;
      }
      throw e;
    } finally {
      order.readLock().unlock();
    }
  }

  /** Makes the other directories; what is there without a primary is a leftover. */
  private void makeOthers(String id) throws ErrnoException, IdInUseException {
    List<Group> groups = groups(id);
    int made = 1;
    try {
      for (; made < groups.size(); made++) {
        Group group = groups.get(made);
        if (!make(group.directory())) {
          if (!new JobGroup(files, List.of(group), missing, controllers).remove()) {
            throw new IdInUseException(id, group.directory(), "processes live in it");
          }
          files.mkdir(group.directory());
        }
      }
    } catch (ErrnoException | IdInUseException e) {
      new JobGroup(files, groups.subList(0, made), missing, controllers).remove();
      throw e;
    }
  }

  /**
   * Removes a group that is empty and nobody's, under a lock that lets nobody make one meanwhile.
   */
  @SuppressWarnings("try") // the lock is held, not used
  private void reclaim(String id) throws ErrnoException, IdInUseException {
    JobGroup group = group(id);
    order.writeLock().lock();
    try (CgroupFiles.Lock lock = files.lock(parents.get(0).directory(), true)) {
      Optional<byte[]> bytes = markOf(group.toString());
      Optional<Mark> mark = bytes.flatMap(Mark::parse);
      if (bytes.isPresent() && mark.isEmpty()) {
        throw new IdInUseException(id, group.toString(), "its mark is not one that we know");
      }
      if (mark.isPresent() && mark.get().ownerAlive()) {
        String owner = mark.get().owner().map(each -> "process " + each.pid()).orElse("");
        throw new IdInUseException(id, group.toString(), owner + " governs it");
      }
      if (!group.remove()) {
        throw new IdInUseException(id, group.toString(), "processes live in it");
      }
    } finally {
      order.writeLock().unlock();
    }
  }

  private Optional<byte[]> markOf(String directory) throws ErrnoException {
    try {
      return files.mark(directory);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Removes what is empty and nobody's: left by governors that died. */
  public void clean() {
    Set<String> ids = new TreeSet<>();
    for (Group parent : parents) {
      try {
        files
            .subdirectories(parent.directory())
            .forEach(each -> ids.add(Path.of(each).getFileName().toString()));
      } catch (ErrnoException e) {
        LOG.debug("{}: nothing to clean", parent.directory(), e);
      }
    }
    for (String id : ids) {
      try {
        reclaim(id);
      } catch (ErrnoException | IdInUseException e) {
        LOG.debug("left alone: {}", id, e);
      }
    }
  }

  /**
   * On v2, moves ourselves out of the base into a group right beneath it, as a group with processes
   * can't hand down controllers. Only when we are alone there; undone by {@link #close()}.
   *
   * @return what was done, or why not; empty if there is no need
   */
  public Optional<Capability> becomeLeaf(String leafName) {
    if (!bornInside() || !sites.get(0).isOurOwn()) {
      return Optional.empty();
    }
    String own = sites.get(0).directory();
    try {
      if (files.read(own + "/cgroup.procs").strip().contains("\n")) {
        return Optional.of(
            Capability.of("leaf", State.NO, "other processes live in " + own)
                .cure("systemctl edit UNIT, [Service] DelegateSubgroup=supervisor"));
      }
      make(own + "/" + leafName);
      files.write(own + "/" + leafName + "/cgroup.procs", "0"); // the writer itself
      leaf = Optional.of(own + "/" + leafName);
      return Optional.of(Capability.of("leaf", State.YES, "moved into " + leaf.get()));
    } catch (ErrnoException e) {
      return Optional.of(
          Capability.of("leaf", State.NO, e.getMessage()).cure(Refusal.of(e, own).cure()));
    }
  }

  /** Takes back what we made and switched on, unless a job's group is left; that needs it. */
  @Override
  public void close() {
    try {
      for (Group parent : parents) {
        removeParent(parent.directory());
      }
      prepared = false;
      if (!sites.isEmpty() && sites.get(0).ours()) {
        controllers.disable();
      }
      if (leaf.isPresent()) {
        files.write(sites.get(0).directory() + "/cgroup.procs", "0");
        files.rmdir(leaf.get());
        leaf = Optional.empty();
      }
    } catch (ErrnoException e) {
      LOG.debug("left as it is", e);
    }
  }

  private void removeParent(String directory) throws ErrnoException {
    try {
      files.rmdir(directory);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
    }
  }

  /** What can be limited here, where, and if not, why. */
  public List<Capability> capabilities() {
    return List.of();
  }
}
