package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class CountersTest {

  private static Group group(boolean unified, String... controllers) {
    Mount mount = new Mount("/", "/c", unified ? "cgroup2" : "cgroup", "none", List.of());
    Hierarchy tree = new Hierarchy(unified, mount, "", Set.of(controllers), "/");
    return new Group(tree, "/c/job");
  }

  private static CgroupFiles files(Map<String, String> texts) {
    return new CgroupFiles() {
      @Override
      public String read(String path) throws ErrnoException {
        String text = texts.get(path.substring("/c/job/".length()));
        if (text == null) {
          throw new ErrnoException(Errno.ENOENT, "open " + path);
        }
        return text;
      }
    };
  }

  private static ResourceUsage usage(Group group, Map<String, String> texts) {
    return Counters.of(files(texts), List.of(group));
  }

  @Test
  void unified_realTexts_areRead() {
    ResourceUsage usage =
        usage(
            group(true, "cpu", "memory", "io"),
            Map.of(
                "cpu.stat",
                """
                usage_usec 300
                user_usec 200
                system_usec 100
                nice_usec 7
                nr_periods 9
                nr_throttled 4
                throttled_usec 55
                """,
                "memory.current",
                "4096\n",
                "memory.peak",
                "8192\n",
                "memory.events",
                "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 5\n",
                "io.stat",
                """
                8:16 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0
                254:0\s
                8:0 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0
                """,
                "memory.pressure",
                """
                some avg10=0.00 avg60=0.00 avg300=0.00 total=71
                full avg10=0.00 avg60=0.00 avg300=0.00 total=61
                """));

    assertThat(usage.counters())
        .containsOnly(
            Map.entry(Counter.CPU_USER_USEC, 200L),
            Map.entry(Counter.CPU_SYSTEM_USEC, 100L),
            Map.entry(Counter.CPU_PERIODS, 9L),
            Map.entry(Counter.CPU_THROTTLED_PERIODS, 4L),
            Map.entry(Counter.CPU_THROTTLED_USEC, 55L),
            Map.entry(Counter.MEMORY_CURRENT_BYTES, 4096L),
            Map.entry(Counter.MEMORY_PEAK_BYTES, 8192L),
            Map.entry(Counter.OOM_KILLS, 1L),
            Map.entry(Counter.IO_READ_BYTES, 11L),
            Map.entry(Counter.IO_WRITE_BYTES, 22L),
            Map.entry(Counter.MEMORY_PRESSURE_SOME_USEC, 71L),
            Map.entry(Counter.MEMORY_PRESSURE_FULL_USEC, 61L));
  }

  @Test
  void old_realTexts_areReadInMicroseconds() {
    ResourceUsage usage =
        usage(
            group(false, "cpu", "cpuacct", "memory", "io"),
            Map.of(
                "cpuacct.usage_user",
                "2000999\n",
                "cpuacct.usage_sys",
                "1000\n",
                "cpu.stat",
                "nr_periods 9\nnr_throttled 4\nthrottled_time 55000\n",
                "memory.usage_in_bytes",
                "4096\n",
                "memory.max_usage_in_bytes",
                "8192\n",
                "memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
                "blkio.throttle.io_service_bytes_recursive",
                """
                254:0 Read 10
                254:0 Write 20
                254:0 Sync 30
                254:0 Total 30
                8:0 Read 1
                8:0 Write 2
                Total 33
                """));

    assertThat(usage.counters())
        .containsOnly(
            Map.entry(Counter.CPU_USER_USEC, 2000L),
            Map.entry(Counter.CPU_SYSTEM_USEC, 1L),
            Map.entry(Counter.CPU_PERIODS, 9L),
            Map.entry(Counter.CPU_THROTTLED_PERIODS, 4L),
            Map.entry(Counter.CPU_THROTTLED_USEC, 55L),
            Map.entry(Counter.MEMORY_CURRENT_BYTES, 4096L),
            Map.entry(Counter.MEMORY_PEAK_BYTES, 8192L),
            Map.entry(Counter.OOM_KILLS, 1L),
            Map.entry(Counter.IO_READ_BYTES, 11L),
            Map.entry(Counter.IO_WRITE_BYTES, 22L));
  }

  @Test
  void wrongTexts_areUnknownNeverWrong() {
    Group group = group(true, "cpu", "memory", "io");
    for (String bad :
        List.of("", "-1", "x", "9223372036854775808", "1.5", "1 2", "+1", "0x1", "١")) {
      assertThat(usage(group, Map.of("memory.current", bad + "\n")).counters()).isEmpty();
      assertThat(usage(group, Map.of("cpu.stat", "user_usec " + bad + "\n")).counters()).isEmpty();
    }
    for (String bad :
        List.of(
            "user_usec 1\nuser_usec 2\n",
            "xuser_usec 1\n",
            "user_usec1\n",
            "user_usec\n",
            "\0user_usec 1")) {
      assertThat(usage(group, Map.of("cpu.stat", bad)).counters()).isEmpty();
    }
    for (String bad :
        List.of(
            "8:0 rbytes=1\n8:0 rbytes=2\n",
            "8:0 rbytes=9223372036854775807\n8:1 rbytes=1\n",
            "8:0 rbytes=\n",
            "8:0 rbytes=1\n8:1 rbytes=x\n")) {
      assertThat(usage(group, Map.of("io.stat", bad)).counters()).isEmpty();
    }
  }

  @Test
  void old_exactTotal_scalesItsSampledParts() {
    Group group = group(false, "cpuacct");
    Map<String, String> texts =
        Map.of(
            "cpuacct.usage", "9000000\n",
            "cpuacct.usage_user", "4000000\n",
            "cpuacct.usage_sys", "2000000\n");
    assertThat(usage(group, texts).counters())
        .containsOnly(
            Map.entry(Counter.CPU_USER_USEC, 6000L), Map.entry(Counter.CPU_SYSTEM_USEC, 3000L));
    assertThat(usage(group, Map.of("cpuacct.usage", "9000000\n")).counters())
        .as("its parts are unknown")
        .isEmpty();
  }

  @Test
  void old_noDeviceIsThrottled_ioIsUnknown() {
    Map<String, String> texts = Map.of("blkio.throttle.io_service_bytes_recursive", "Total 0\n");
    assertThat(usage(group(false, "io"), texts).counters()).isEmpty();
  }

  @Property
  void number_isReadBack(@ForAll @LongRange(min = 0) long number, @ForAll String before) {
    Group group = group(true, "memory");
    assertThat(usage(group, Map.of("memory.current", number + "\n")).counters())
        .containsOnly(Map.entry(Counter.MEMORY_CURRENT_BYTES, number));
    String events = before.replaceAll("\\R", " ") + "x\noom_kill " + number;
    assertThat(usage(group, Map.of("memory.events", events)).get(Counter.OOM_KILLS))
        .hasValue(number);
  }

  @Property
  void garbage_isNeverAnError(@ForAll String text) {
    for (boolean unified : List.of(true, false)) {
      Group group = group(unified, "cpu", "cpuacct", "memory", "io");
      CgroupFiles garbage =
          new CgroupFiles() {
            @Override
            public String read(String path) {
              return text;
            }
          };
      assertThat(Counters.of(garbage, List.of(group)).counters().values())
          .allMatch(value -> value >= 0);
      assertThat(new Counters(garbage, group).oomKilled()).isNotNull();
    }
  }

  @Test
  void oomKilled_isBlamedByWhereTheLimitWasHit() {
    Group unified = group(true, "memory");
    assertThat(oomKilled(unified, Map.of("memory.events", "oom 0\noom_kill 0\n"))).isNull();
    assertThat(oomKilled(unified, Map.of("memory.events", "oom 0\noom_kill 1\n")))
        .isEqualTo(OomCause.ABOVE);
    assertThat(oomKilled(unified, Map.of("memory.events", "oom 1\noom_kill 1\n")))
        .isEqualTo(OomCause.OWN_LIMIT);
    Group old = group(false, "memory");
    assertThat(
            oomKilled(old, Map.of("memory.oom_control", "oom_kill 1\n", "memory.failcnt", "0\n")))
        .isEqualTo(OomCause.ABOVE);
    assertThat(
            oomKilled(old, Map.of("memory.oom_control", "oom_kill 1\n", "memory.failcnt", "9\n")))
        .isEqualTo(OomCause.OWN_LIMIT);
    assertThat(oomKilled(old, Map.of("memory.failcnt", "9\n"))).isNull();
  }

  private static OomCause oomKilled(Group group, Map<String, String> texts) {
    return new Counters(files(texts), group).oomKilled().orElse(null);
  }
}
