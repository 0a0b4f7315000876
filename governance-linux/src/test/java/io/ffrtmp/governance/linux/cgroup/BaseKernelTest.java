package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who has an id, what is a leftover, and what is left of a base that was closed. */
@Tag("kernel")
class BaseKernelTest {
  private final CgroupHost host = new CgroupHost();

  @AfterEach
  void leaveNothing() throws Exception {
    host.close();
  }

  @Test
  void create_idOfALiveGovernor_isRefusedAndNothingIsTouched() throws Exception {
    JobGroup first = host.create("job");
    first.limits().apply(Limits.NONE.memoryMaxBytes(64 << 20));

    assertThatThrownBy(
            () -> host.base(CgroupFiles.kernel()).home().create("job", CgroupHost.mark("job")))
        .isInstanceOf(JobIdInUseException.class)
        .hasMessageContaining(first.toString())
        .hasMessageContaining("process " + ProcessKey.self().pid());
    assertThat(host.homes()).allMatch(home -> Files.exists(home.resolve("job")));
    assertThat(host.base.home().create("other", CgroupHost.mark("other")).remove()).isTrue();
  }

  @Test
  void create_leftoverOfADeadGovernor_isReplaced() throws Exception {
    JobGroup leftover = host.base.home().create("job", CgroupHost.deadMark("job"));
    leftover.limits().apply(Limits.NONE.cpuMax(CpuMax.cores(1)).memoryMaxBytes(64 << 20));
    JobGroup group = host.create("job");

    String file = host.unified() ? "memory.max" : "memory.limit_in_bytes";
    assertThat(host.read("memory", "job", file)).as("a new group").isNotEqualTo("67108864");
    assertThat(markOf(group)).contains(CgroupHost.mark("job"));
  }

  @Test
  void create_leftoverBesideThePrimary_isReplacedOrInUse() throws Exception {
    assumeFalse(host.unified(), "v2 has one hierarchy");
    host.create("first").remove();
    Path beside = host.homes().get(1).resolve("job");
    Files.createDirectories(beside.resolve("sub"));
    assertThat(host.create("job").remove()).isTrue();

    Files.createDirectory(beside);
    Process sleeper = host.start("exec sleep 100");
    Files.writeString(beside.resolve("cgroup.procs"), "" + sleeper.pid());
    assertThatThrownBy(() -> host.create("job"))
        .isInstanceOf(JobIdInUseException.class)
        .hasMessageContaining(beside.toString());
    assertThat(host.homes().get(0).resolve("job")).doesNotExist();
    assertThat(beside).isDirectory();
    assertThat(sleeper.isAlive()).isTrue();
  }

  @Test
  void create_homeRemovedWhileALeftoverGoes_isMadeAgain() throws Exception {
    assumeFalse(host.unified(), "v2 has one hierarchy");
    host.create("first").remove();
    Path beside = Files.createDirectory(host.homes().get(1).resolve("job"));
    CgroupFiles files =
        new CgroupFiles() {
          @Override
          public void rmdir(String path) throws ErrnoException {
            CgroupFiles.super.rmdir(path);
            if (path.equals(beside.toString())) { // another governor closes just then
              CgroupFiles.super.rmdir(beside.getParent().toString());
            }
          }
        };
    JobGroup group = host.base(files).home().create("job", CgroupHost.mark("job"));

    assertThat(host.homes()).allMatch(home -> Files.isDirectory(home.resolve("job")));
    assertThat(group.remove()).isTrue();
  }

  @Test
  void clean_emptyGroupsOfNobody_goInEveryHierarchy() throws Exception {
    host.base.home().create("dead", CgroupHost.deadMark("dead"));
    host.base.home().create("disowned", CgroupHost.mark("disowned").disowned());
    host.create("alive");
    host.homes().forEach(home -> home.resolve("unmarked").toFile().mkdir());
    host.base.home().leftovers().clean();

    for (Path home : host.homes()) {
      assertThat(home.toFile().listFiles(File::isDirectory))
          .extracting(File::getName)
          .containsExactly("alive");
    }
  }

  @Test
  void clean_populatedGroupOfADeadGovernor_isLeftAlone() throws Exception {
    JobGroup group = host.base.home().create("job", CgroupHost.deadMark("job"));
    Process sleeper = host.start("exec sleep 100");
    group.place((int) sleeper.pid());
    host.base.home().leftovers().clean();

    assertThat(group.holds((int) sleeper.pid())).isTrue();
    assertThat(markOf(group)).contains(CgroupHost.deadMark("job"));
    assertThatThrownBy(() -> host.create("job"))
        .isInstanceOf(JobIdInUseException.class)
        .hasMessageContaining("processes live in it");
    assertThat(sleeper.isAlive()).isTrue();
  }

  @Test
  void clean_groupThatCannotBeRemovedYet_tellsItsEndOnce() throws Exception {
    JobGroup ended = host.base.home().create("job", CgroupHost.deadMark("job").leader(1 << 22, 1));
    boolean[] busy = {true};
    CgroupFiles files =
        new CgroupFiles() {
          @Override
          public void rmdir(String path) throws ErrnoException {
            if (busy[0] && path.equals(ended.toString())) {
              throw new ErrnoException(Errno.EBUSY, "rmdir " + path);
            }
            CgroupFiles.super.rmdir(path);
          }
        };
    Base base = host.base(files);
    base.home().leftovers().clean();
    base.home().leftovers().clean();
    assertThat(base.home().leftovers().remains()).as("its group is there to tell").isEmpty();
    busy[0] = false;
    base.home().leftovers().clean();
    base.home().leftovers().clean();
    assertThat(base.home().leftovers().remains()).hasSize(1);
  }

  @Test
  void clean_markOfAnotherJob_isLeftAlone() throws Exception {
    JobGroup group = host.create("job");
    CgroupFiles.kernel().mark(group.toString(), CgroupHost.deadMark("other").encode());
    host.base.home().leftovers().clean();

    assertThat(Path.of(group.toString())).isDirectory();
  }

  @Test
  void mark_thousandsNotMoved_canBeReadAgain() throws Exception {
    JobGroup group = host.create("job");
    List<Moved.NotMoved> not = new ArrayList<>();
    for (int pid = 1; pid <= 5_000; pid++) {
      not.add(new Moved.NotMoved(pid, "EACCES, Permission denied: write " + pid));
    }
    Mark mark = CgroupHost.mark("job").moved(Moved.of(3, 4096, not.subList(0, 300)));
    group.mark(mark);
    assertThat(markOf(group)).as("longer than a page").contains(mark);

    group.mark(CgroupHost.mark("job").moved(Moved.of(3, 4096, not)));
    group.mark(markOf(group).orElseThrow().claimed());
    Moved told = markOf(group).flatMap(Mark::moved).orElseThrow();
    assertThat(told.processes()).isEqualTo(3);
    assertThat(told.notMoved())
        .singleElement()
        .satisfies(each -> assertThat(each.pid()).isEqualTo(1))
        .satisfies(each -> assertThat(each.reason()).startsWith("EACCES").contains("4999 more"));
  }

  @Test
  void clean_markOfAnotherSchema_isLeftAlone() throws Exception {
    JobGroup group = host.create("job");
    CgroupFiles.kernel().mark(group.toString(), "schema=2\0id=job\0".getBytes());
    host.base.home().leftovers().clean();

    assertThat(Path.of(group.toString())).isDirectory();
    assertThatThrownBy(() -> host.create("job")).isInstanceOf(JobIdInUseException.class);
  }

  @Test
  void close_lastJobGone_leavesNothing() throws Exception {
    JobGroup group = host.create("job");
    host.base.close();
    assertThat(host.homes()).as("a job is left").allMatch(Files::exists);

    group.remove();
    host.base.close();
    assertThat(host.homes()).noneMatch(Files::exists);
    assertThat(host.create("again").exists()).as("made on demand").isTrue();
  }

  @Test
  void create_homeRemovedByAnotherGovernor_isMadeAgain() throws Exception {
    host.create("job").remove();
    host.base(CgroupFiles.kernel()).close();
    assertThat(host.homes()).noneMatch(Files::exists);

    JobGroup group = host.create("job");
    assertThat(group.limits().apply(Limits.NONE.memoryMaxBytes(64 << 20)).get(0).status())
        .isEqualTo(Status.APPLIED);
  }

  @Test
  void mark_written_isReadBackEqual() throws Exception {
    JobGroup group = host.create("job");
    Mark mark = CgroupHost.mark("job").leader(4711, 123_456).disowned();
    group.mark(mark);

    assertThat(markOf(group)).contains(mark);
    assertThat(mark.liveOwner()).isEmpty();
    assertThat(CgroupHost.mark("job").liveOwner()).isPresent();
    assertThat(CgroupHost.deadMark("job").liveOwner()).isEmpty();
  }

  @Test
  void find_configured_isUsedInEveryHierarchy() throws Exception {
    String directory = host.create("base").toString();
    String path = host.hierarchies.job().get(0).path(directory);
    for (String configured : List.of(directory, path)) {
      Base nested =
          Base.find(CgroupFiles.kernel(), host.hierarchies, Optional.of(configured), "ffrtmp");
      JobGroup group = nested.home().create("job", CgroupHost.mark("job"));

      for (Path home : host.homes()) {
        assertThat(home.resolve("base/ffrtmp/job")).isDirectory();
      }
      assertThat(group.remove()).isTrue();
      nested.close();
      assertThat(host.homes().get(0).resolve("base/ffrtmp")).doesNotExist();
    }
  }

  @Test
  void base_removedBySomebody_isWhatTheCureSays() throws Exception {
    String directory = host.create("base").toString();
    Base nested =
        Base.find(CgroupFiles.kernel(), host.hierarchies, Optional.of(directory), "ffrtmp");
    host.base.home().group("base").remove();
    ErrnoException gone =
        catchThrowableOfType(
            ErrnoException.class, () -> nested.home().create("job", CgroupHost.mark("job")));

    LimitOutcome outcome =
        nested.home().none(gone).limits().apply(Limits.NONE.memoryMaxBytes(1 << 20)).get(0);
    assertThat(outcome.errno()).contains("ENOENT");
    assertThat(outcome.cure()).contains("somebody removed " + directory + ": make it again");
  }

  @Test
  void find_configuredLookalike_isNoBase(@TempDir Path lookalike) throws Exception {
    Files.createFile(lookalike.resolve("cgroup.procs"));
    Base base =
        Base.find(
            CgroupFiles.kernel(), host.hierarchies, Optional.of(lookalike.toString()), host.name);
    JobGroup group = base.home().create("job", CgroupHost.mark("job"));

    assertThat(group.exists()).isFalse();
    assertThat(lookalike.resolve(host.name)).doesNotExist();
    assertThat(base.capabilities())
        .filteredOn(each -> each.name().equals("base"))
        .allMatch(each -> each.state() == Capability.State.NO && each.cure().isPresent());
  }

  @Test
  void delegation_isToldAsItIs_andCuredOnlyWhereItIsMissing() {
    assertThat(delegation(Optional.empty()).cure()).as("by privilege").isEmpty();
    assertThat(delegation(Optional.of("/")).state()).isEqualTo(Capability.State.YES);
    assertThat(delegation(Optional.of("/")).detail()).startsWith("/");
    assertThat(delegation(Optional.of("/no/such/cgroup")).cure()).isPresent();
  }

  private Capability delegation(Optional<String> configured) {
    Base base = Base.find(CgroupFiles.kernel(), host.hierarchies, configured, host.name);
    return base.capabilities().stream()
        .filter(each -> each.name().equals("delegation"))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void isCgroup_realFileSystems_areToldApart(@TempDir Path directory) {
    Hierarchy hierarchy = host.hierarchies.job().get(0);
    assertThat(Hierarchies.isCgroup(hierarchy.mountPoint(), hierarchy.unified())).isTrue();
    assertThat(Hierarchies.isCgroup(hierarchy.mountPoint(), !hierarchy.unified())).isFalse();
    assertThat(Hierarchies.isCgroup(directory.toString(), true)).isFalse();
    assertThat(Hierarchies.isCgroup("/dev/shm", false)).isFalse();
    assertThat(Hierarchies.isCgroup("/no/such/directory", true)).isFalse();
  }

  @Test
  void withoutABase_everyLimitIsRefusedWithACure() throws Exception {
    Base none =
        Base.find(
            CgroupFiles.kernel(), host.hierarchies, Optional.of("/no/such/cgroup"), host.name);
    JobGroup group = none.home().create("job", CgroupHost.mark("job"));
    group.mark(CgroupHost.mark("job"));
    group.place(1); // moves nobody

    assertThat(group.exists()).isFalse();
    assertThat(group.limits().apply(Limits.NONE.cpuWeight(50).memoryMaxBytes(1 << 20)))
        .allMatch(each -> each.status() == Status.DENIED)
        .allMatch(each -> each.cure().orElse("").contains("/no/such/cgroup is no cgroup: make it"))
        .hasSize(2);
    assertThat(group.usage().counters()).isEmpty();
    assertThat(group.populated()).isFalse();
    assertThat(group.remove()).isTrue();
    assertThatCode(none.home().leftovers()::clean).doesNotThrowAnyException();
    none.close();
  }

  @Test
  void everyOperation_failing_leavesNothingHalfMade() throws Exception {
    Limits limits = Limits.NONE.cpuMax(CpuMax.cores(1)).cpuWeight(50).memoryMaxBytes(64 << 20);
    for (int errno : List.of(5, Errno.EACCES, 28, Errno.EROFS, Errno.ENOENT, Errno.EBUSY)) {
      boolean hit = true;
      for (int nth = 1; hit; nth++) {
        FaultyFiles files = new FaultyFiles(nth, errno);
        host.base.close();
        once(files, limits);
        hit = files.hit();
        assertThat(nth).isLessThan(200);
      }
    }
  }

  private static Optional<Mark> markOf(JobGroup group) throws ErrnoException {
    return CgroupFiles.kernel().mark(group.toString()).flatMap(Mark::parse);
  }

  private void once(FaultyFiles files, Limits limits) throws Exception {
    Base base = host.base(files);
    try {
      JobGroup group = base.home().create("job", CgroupHost.mark("job"));
      List<LimitOutcome> outcomes = group.limits().apply(limits);
      assertThat(outcomes).as(files.failed).hasSize(3);
      assertThat(outcomes)
          .as(files.failed)
          .allMatch(each -> each.status() == Status.APPLIED || files.hit() || host.unified());
      group.limits().readBack(Receipt.of(outcomes));
      group.usage();
      group.oomKilled();
      group.members();
      group.populated();
      if (!group.remove()) {
        assertThat(files.failed).matches("(list|rmdir) .*/job");
        assertThat(new FaultyFiles(-1, 0).subdirectories(group.toString())).isEmpty();
        host.base.home().create("other", CgroupHost.mark("other")).remove();
      }
      base.home().leftovers().clean();
    } catch (ErrnoException e) {
      assertThat(e).hasMessageContaining("injected");
      assertThat(host.homes())
          .as(files.failed)
          .noneMatch(home -> Files.exists(home.resolve("job")));
    }
    base.close();
    for (Path home : host.homes()) {
      Files.deleteIfExists(home.resolve("job"));
      Files.deleteIfExists(home);
    }
  }
}
