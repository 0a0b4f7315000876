package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class JsonTest {
  @Property
  void write_anyText_readsBackEqual(@ForAll List<String> texts, @ForAll String key)
      throws Exception {
    String json = Json.write(Map.of(key, texts));

    assertThat(json).doesNotContain("\n");
    assertThat((Object) new ObjectMapper().readValue(json, Map.class))
        .isEqualTo(Map.of(key, texts));
  }

  @Property
  void write_anyNumber_readsBackEqual(@ForAll long number, @ForAll boolean flag) throws Exception {
    String json = Json.write(List.of(number, flag));

    assertThat(json).isEqualTo("[" + number + "," + flag + "]");
  }

  @Test
  void write_map_keepsOrderAndPlainDecimals() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("z", new BigDecimal("0.000001"));
    map.put("a", List.of());

    assertThat(Json.write(map)).isEqualTo("{\"z\":0.000001,\"a\":[]}");
  }
}
