package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.HostReport.Survival;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class HostReportTest {

  @Property
  void supported_anyCapabilities_unlessOneBlocks(@ForAll List<State> states) {
    HostReport report = HostReport.of(capabilities(states), List.of());
    assertThat(report.supported()).isEqualTo(!states.contains(State.BLOCKING));
    assertThat(report.capabilities()).extracting(Capability::state).isEqualTo(states);
  }

  @Example
  void survival_risks_decide() {
    assertThat(survival()).isEqualTo(Survival.EXPECTED);
    assertThat(survival(State.PARTLY, State.PARTLY)).isEqualTo(Survival.AT_RISK);
    assertThat(survival(State.PARTLY, State.NO)).isEqualTo(Survival.IMPOSSIBLE);
  }

  private static Survival survival(State... risks) {
    return HostReport.of(List.of(), capabilities(List.of(risks))).survival();
  }

  @Example
  void capability_byName_isTheFirstOfThatName() {
    Capability spawn = Capability.of("spawn", State.YES, "posix_spawn");
    HostReport report = HostReport.of(List.of(spawn), List.of());
    assertThat(report.capability("spawn")).contains(spawn);
    assertThat(report.capability("cpu.max")).isEmpty();
  }

  @Example
  void report_listsChangedLater_staysAsItWas() {
    List<Capability> list = new ArrayList<>(capabilities(List.of(State.YES)));
    HostReport report = HostReport.of(list, list);
    list.clear();
    assertThat(report.capabilities()).hasSize(1).isUnmodifiable();
    assertThat(report.risks()).hasSize(1).isUnmodifiable();
  }

  @Example
  void report_asJson_hasTheFixedKeys() throws Exception {
    Capability gap = Capability.of("cpu.max", State.NO, "read-only").cure("mount it");
    Capability risk = Capability.of("unit", State.PARTLY, "KillMode=control-group");
    String expected =
        "{\"supported\":true,\"survival\":\"at_risk\","
            + "\"risks\":[{\"name\":\"unit\",\"state\":\"partly\","
            + "\"detail\":\"KillMode=control-group\"}],"
            + "\"capabilities\":[{\"name\":\"cpu.max\",\"state\":\"no\",\"detail\":\"read-only\","
            + "\"cure\":\"mount it\"}]}";
    HostReport report = HostReport.of(List.of(gap), List.of(risk));
    assertThat(new com.fasterxml.jackson.databind.ObjectMapper().writeValueAsString(report))
        .isEqualTo(expected);
    assertThat(new tools.jackson.databind.json.JsonMapper().writeValueAsString(report))
        .isEqualTo(expected);
    assertThat(gap.cure()).contains("mount it");
    assertThat(risk.cure()).isEmpty();
  }

  private static List<Capability> capabilities(List<State> states) {
    return states.stream().map(state -> Capability.of("spawn", state, "found")).toList();
  }
}
